"""Every error is a sentence, and survives the way between processes."""

import pickle
import types
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from acci.domain import errors as domain_errors
from acci.domain.errors import AcciError, Refused
from tests.site.python_pages import error_classes
from tests.support.sentences import SENTENCES

CLASSES = sorted(set(error_classes()) - {AcciError}, key=lambda kind: kind.__name__)


def example(kind: Any) -> Any:
    """Some value of an annotation."""
    if get_origin(kind) is types.UnionType:
        return example(get_args(kind)[0])
    if get_origin(kind) is tuple:
        parts = get_args(kind)
        return tuple(example(part) for part in parts if part is not ...)
    return {str: "something.", int: 7, float: 1.5, bool: True, Path: Path("some/file")}[kind]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
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


class OutOfStock(Refused):
    """An error of a user's own, with a field and a sentence of its own."""

    missing: tuple[str, ...]

    sentence = "{reason!r} lacks {missing:, }. Order less than {{all}}."


class Plain(Refused):
    """An error of a user's own that is made from something else."""

    def __init__(self, balance: int) -> None:
        super().__init__(f"the balance is {balance}.")


def test_a_subclass_is_a_dataclass_by_itself_and_its_sentence_is_formatted_from_its_fields() -> None:
    error = OutOfStock("{shop}", ("tea", "{milk}"))
    assert str(error) == "'{shop}' lacks tea, {milk}. Order less than {all}."
    assert error.args == ("{shop}", ("tea", "{milk}"))
    assert error == error  # noqa: PLR0124 two errors are equal only if they are one
    assert error != OutOfStock(*error.args)
    assert pickle.loads(pickle.dumps(error)).missing == ("tea", "{milk}")  # noqa: S301 our own


def test_a_subclass_may_have_an_initialiser_of_its_own() -> None:
    assert str(Plain(7)) == "the balance is 7."


def branch(kind: type[AcciError]) -> str:
    """The error's name, with those below it."""
    below = ", ".join(sorted(branch(child) for child in kind.__subclasses__() if child in CLASSES))
    return f"{kind.__name__} ({below})" if below else kind.__name__


def test_the_tree_in_the_docstring_is_that_of_the_classes() -> None:
    chapters: dict[str, list[str]] = {}
    for kind in CLASSES:
        if AcciError in kind.__bases__:
            chapter = kind.__module__.removeprefix("acci.").rpartition(".")[0].replace(".", "/")
            chapters.setdefault(chapter, []).append(branch(kind))
    tree = "".join(f" ├── {chapter} {', '.join(names)}" for chapter, names in sorted(chapters.items()))
    shown = " ".join(str(domain_errors.__doc__).replace("│", " ").split())
    assert f"AcciError{tree} Every error" in shown


def test_every_error_has_its_sentence_here() -> None:
    assert {type(error) for error, _ in SENTENCES} == set(CLASSES)
