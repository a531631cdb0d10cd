"""Every error is a sentence, and survives the way between processes."""

import importlib
import pickle
import pkgutil
import types
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

import acci.domain
import acci.flows
import acci.store
from acci.domain.errors import AcciError
from tests.support.sentences import SENTENCES


def classes() -> list[type[AcciError]]:
    """Every one that there is, wherever it is declared."""
    for package in (acci.domain, acci.store, acci.flows):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)

    def below(kind: type[AcciError]) -> Iterator[type[AcciError]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    return sorted(
        {kind for kind in below(AcciError) if not kind.__module__.startswith("tests")}, key=lambda k: k.__name__
    )


def example(kind: Any) -> Any:
    """Some value of an annotation."""
    if get_origin(kind) is types.UnionType:
        return example(get_args(kind)[0])
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        return tuple(example(part) for part in parts if part is not ...)
    return {str: "something.", int: 7, float: 1.5, bool: True, Path: Path("some/file")}[kind]


@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_it_is_a_sentence_and_survives_pickling(kind: type[AcciError]) -> None:
    hints = get_type_hints(kind)
    error = kind(*(example(hints[field.name]) for field in fields(kind)))
    assert "." in str(error).splitlines()[0]
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 our own
    assert (type(back), back.args, str(back), back.transient) == (kind, error.args, str(error), error.transient)
    assert repr(back).startswith(kind.__name__ + "(")


@pytest.mark.parametrize(
    ("error", "sentence"), SENTENCES, ids=lambda value: type(value).__name__ if isinstance(value, AcciError) else ""
)
def test_the_sentence_says_what_happened_and_what_to_do(error: AcciError, sentence: str) -> None:
    assert str(error) == sentence


def test_every_error_has_its_sentence_here() -> None:
    assert {type(error) for error, _ in SENTENCES} == set(classes())
