"""What a fold's code is: a change of anything that it calls in its own domain is a change of the rules."""

import importlib
import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar

import pytest

from acci.domain.aggregates import Aggregate, evolves
from acci.domain.events import Event, EventData
from acci.domain.projections import FoldProjection
from acci.domain.projections.code_digest import reading_of, source_of
from acci.domain.projections.python_folds import Row
from acci.domain.upcasting import Upcaster

RULES = """
import math
from enum import Enum
from decimal import Decimal
from acci.domain.expressions.values import key_text
from shop import labels
from shop.labels import RATES, SIGN, Shade, told

NAMES = {"x", "y", "z"}
UNUSED = 1

def fold(row, event):
    def inner():
        return told(row, math.floor(SIGN))
    return [inner(), labels.again(row), Shade.DARK, RATES, NAMES, key_text(1)]

class Folding:
    def evolve(self, row, event):
        return fold(row, event)

    @staticmethod
    def keys(event):
        return SIGN
"""
LABELS = """
from enum import Enum

SIGN = 1
RATES = {"a": (1, 2)}

class Shade(Enum):
    DARK = 1

def told(row, sign):
    return deeper(row, sign)

def deeper(row, sign):
    return "text"

def again(row):
    return 1

def unused(row):
    return 1
"""
Written = Callable[[str, str], Any]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """The module of the rules, imported again from these two files."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "__init__.py").touch()

    def write(rules: str, labels: str) -> Any:
        (folder / "rules.py").write_text(rules)
        (folder / "labels.py").write_text(labels)
        for name in ("shop", "shop.rules", "shop.labels"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.invalidate_caches()
        linecache.clearcache()
        return importlib.import_module("shop.rules")

    return write


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ('return "text"', 'return "another"', True),
        ("SIGN = 1", "SIGN = 2", True),
        ('{"a": (1, 2)}', '{"a": (1, 3)}', True),
        ("DARK = 1", "DARK = 2", True),
        ("def again(row):\n    return 1", "def again(row):\n    return 2", True),
        ("def unused(row):\n    return 1", "def unused(row):\n    return 2", False),
    ],
)
def test_functions_that_it_calls_in_other_modules_count(written: Written, old: str, new: str, counts: bool) -> None:
    assert old in LABELS
    for name in ("Folding", "fold"):
        before = source_of(getattr(written(RULES, LABELS), name))
        assert source_of(getattr(written(RULES, LABELS), name)) == before
        assert (source_of(getattr(written(RULES, LABELS.replace(old, new)), name)) != before) is counts


def test_constants_and_imports_that_it_names_count(written: Written) -> None:
    before = source_of(written(RULES, LABELS).Folding)
    assert source_of(written(RULES.replace('"y", "z"', '"z", "y"'), LABELS).Folding) == before, "a set has no order"
    assert source_of(written(RULES.replace("UNUSED = 1", "UNUSED = 2"), LABELS).Folding) == before
    assert source_of(written(RULES.replace('"y", "z"', '"y"'), LABELS).Folding) != before
    assert source_of(written(RULES.replace("math.floor", "math.ceil"), LABELS).Folding) != before
    assert "def key_text" not in before, "ACCI's own code counts by its version"


def test_code_typed_into_a_shell_has_a_source() -> None:
    def typed(text: str) -> FunctionType:
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(text, names)  # noqa: S102 as a shell does
        function: FunctionType = names["fold"]
        return function

    one = source_of(typed("def fold(row): return row + 1"))
    assert source_of(typed("def fold(row): return row + 1")) == one
    assert source_of(typed("def fold(row): return row + 2")) != one
    assert source_of(typed("def fold(row): return row - 1")) != one


def test_upcasters_change_the_schema_of_a_state() -> None:
    def schema(upcaster: tuple[Upcaster, ...], added: int) -> tuple[str, ...]:
        class Renamed(EventData):
            schema_version: ClassVar[int] = 1 + len(upcaster)
            upcasters: ClassVar[tuple[Upcaster, ...]] = upcaster

            name: str
            size: int = 0

        class Thing(Aggregate):
            snapshot_every: ClassVar[int | None] = 5

            size: int = 0

            @evolves(Renamed)
            def renamed(self, event: Event[Renamed]) -> Any:
                return self.changed(size=event.data.size + added)

        class Things(FoldProjection):
            key = ("tenant_id", "id")
            handles = (Renamed,)

            def evolve(self, row: Row | None, _: Event[Any]) -> Row | None:
                return row

        return reading_of(Renamed), Thing.state_schema(), Things.meaning()

    used = Upcaster(1, default={"size": 1})
    used.apply({})
    assert schema((used,), 1) == schema((Upcaster(1, default={"size": 1}),), 1), (
        "what it keeps for itself does not count"
    )
    without = schema((), 1)
    one, other = (schema((Upcaster(1, default={"size": size}),), 1) for size in (1, 2))
    assert without[0] == ""
    assert all(len(set(told)) == 3 for told in zip(without, one, other, strict=True))
    assert schema((Upcaster(1, default={"size": 2}),), 1) == other
