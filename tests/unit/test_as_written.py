"""What is taken for a value: its type in its usual text form or as JSON, and nothing else that could be converted."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, create_model

from acci.domain.commands import CommandMetadata
from acci.domain.contexts import Context
from acci.domain.errors import AcciError, InvalidCommand
from acci.domain.events import EventData
from acci.domain.queries import Query
from acci.store.commands.validation import typed
from acci.store.importing.conversion import Converter
from acci.store.importing.lines import Line
from acci.store.importing.mapping import load_mapping
from acci.store.importing.problems import BadLine
from acci.store.reading.queries import InvalidQuery, question
from acci.store.registry import Catalogue, load
from acci.store.values.as_written import misread


class Size(IntEnum):
    SMALL = 1


class Colour(Enum):
    RED = "red"


class Inner(BaseModel):
    at: datetime


RIGHT: list[tuple[Any, Any, Any]] = [
    (datetime, "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
    (date, "2026-01-02", "2026-01-02"),
    (time, "09:00:00", "09:00:00"),
    (timedelta, "P1DT2H", "P1DT2H"),
    (UUID, "12345678123412341234123456789012", "12345678-1234-1234-1234-123456789012"),
    (bool, "true", True),
    (bool, "FALSE", False),
    (bool, True, True),
    (int, "-1250", -1250),
    (int, 7, 7),
    (float, "0.5", 0.5),
    (float, "1e3", 1000.0),
    (float, 7, 7.0),
    (Decimal, "1250.50", "1250.50"),
    (Decimal, 0.5, "0.5"),
    (bytes, "SGk=", "SGk="),
    (Size, "1", 1),
    (Colour, "red", "red"),
    (str, "1_000", "1_000"),
    (Inner, {"at": "2026-01-02T03:04:05Z"}, {"at": "2026-01-02T03:04:05Z"}),
    (list[date], ["2026-01-02"], ["2026-01-02"]),
    (dict[str, int], {"a": "5"}, {"a": 5}),
    (datetime | int, 5, 5),
    (Literal[1, "b"], 1, 1),
]
WRONG: list[tuple[Any, Any]] = [
    *((datetime, each) for each in ("45292", "20260102", "0", 45292, 1.5, "1714550400.5", " 45292 ")),
    *((date, each) for each in ("0", "86400", 0, 86400)),
    *((time, each) for each in (36000, 36000.5)),
    *((timedelta, each) for each in (5, 0.5)),
    *((bool, each) for each in ("1", "0", "yes", "no", "on", "t", 1, 0, 1.0)),
    *((int, each) for each in ("1_000", " 12", "12.0", True, "٣")),
    *((float, each) for each in ("1_000.5", True, " 1")),
    *((Decimal, each) for each in ("1_000", "٣", " 10")),
    *((UUID, each) for each in (5, "5")),
    *((Size, each) for each in (True, "1.0", 1.0)),
    (bytes, "no base64!"),
    (Inner, {"at": 45292}),
    (list[date], [0]),
    (tuple[date, ...], ["0"]),
    (set[date], [0]),
    (dict[str, datetime], {"a": 5}),
    (dict[date, int], {"0": 1}),
    (datetime | None, 5),
    (datetime | date, "45292"),
]


def converter(folder: Path, annotation: Any) -> Converter:
    happened = create_model("Happened", __base__=EventData, value=(annotation, ...))
    catalogue = Catalogue((Context(name="any", sql=folder, events=(happened,)),))
    (folder / "mapping.toml").write_text("""
tenant_id = {constant = "t"}
aggregate_type = {constant = "Thing"}
event_type = {constant = "Happened"}
aggregate_id = {constant = "a"}
timestamp = {constant = "2026-01-01T00:00:00Z"}
data.Happened = {value = "value"}
""")
    return Converter(load_mapping(folder / "mapping.toml", catalogue), catalogue, b"")


@pytest.mark.parametrize(("annotation", "given_value", "stored"), RIGHT)
def test_the_usual_form_is_accepted(tmp_path: Path, annotation: Any, given_value: Any, stored: Any) -> None:
    import json

    event = converter(tmp_path, annotation).event(Line(1, {"value": given_value}))
    assert json.loads(event.data)["value"] == stored


@pytest.mark.parametrize(("annotation", "given_value"), WRONG)
def test_an_unusual_form_is_refused(tmp_path: Path, annotation: Any, given_value: Any) -> None:
    with pytest.raises(BadLine, match="value"):
        converter(tmp_path, annotation).event(Line(1, {"value": given_value}))


@given(st.one_of(st.integers(), st.floats(), st.from_regex(r"\A[0-9_.+-]{1,12}\Z")))
def test_a_number_is_never_a_timestamp(value: Any) -> None:
    model = create_model("Model", value=(datetime, ...))
    try:
        made = model.model_validate({"value": value})
    except ValueError:
        return
    assert list(misread({"value": value}, made)) or "-" in str(value)


def test_commands_and_queries_are_read_as_strictly(tmp_path: Path) -> None:
    catalogue = load(["tests.domains.ledger"])
    metadata = CommandMetadata(user_id="me", correlation_id="c", tenant_id="t", timestamp=datetime.now().astimezone())
    with pytest.raises(InvalidCommand, match="amount: is no number as it is usually written"):
        typed(catalogue, "Pay", {"account": "a", "amount": "1_000"}, metadata)

    class Since(Query[Inner]):
        name = "since"
        at: datetime

    asked = Catalogue((Context(name="any", sql=tmp_path, events=(), queries=(Since,)),))
    with pytest.raises(InvalidQuery, match="at: is a number, and has to be a text such as 2026-01-31T09:00:00Z"):
        question(asked, "since", {"at": 45292})
    assert issubclass(InvalidQuery, AcciError)
