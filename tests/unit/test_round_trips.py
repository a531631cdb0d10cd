"""What would not come back from the log as it was appended is refused, naming the field; what comes back is let in."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, computed_field, create_model

from acci.domain.events import Event, EventData, EventMetadata, Unreadable
from acci.domain.personal import Personal
from acci.store.log.decoding import Decoder
from acci.store.log.payloads import encode_data
from acci.store.values.storable import Unstorable


class Base(BaseModel):
    a: int = 1


class Sub(Base):
    b: int = 2


class Computed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    a: int = 1

    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return 2 * self.a


class Hidden(EventData):
    name: Personal[str]
    more: Any


def encoded(annotation: Any, value: object) -> str:
    kind: Any = create_model("Tried", __base__=EventData, field=(annotation, ...))
    return encode_data(happened(kind(field=value)), 1_000_000)


def happened(data: EventData) -> Event[EventData]:
    return Event(uuid4(), "a", "A", data.event_type(), 1, data, EventMetadata("t", "c"), datetime.now(UTC))


NOW = datetime(2026, 1, 1, tzinfo=UTC)
ODD = timezone(timedelta(hours=1, seconds=28))


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (datetime, datetime(1930, 1, 1, tzinfo=ODD)),
        (SecretStr, SecretStr("one")),
        (Base, Sub(b=7)),
        (list[Base], [Sub(b=7)]),
        (dict[str, Base], {"x": Sub(b=7)}),
        (Computed, Computed()),
        (dict[str, int], {chr(0xD800): 1, chr(0xDFFF): 2}),
        (dict[int | str, int], {1: 1, "1": 2}),
        (dict[str | None, int], {None: 1}),
        (dict[tuple[int, int], int], {(1, 2): 3}),
        (str | bytes, b"hello"),
        (float | str, float("inf")),
        (Any, {1, 2}),
        (Any, (1, 2)),
        (Any, Decimal("1.5")),
        (Any, datetime(2026, 1, 1, tzinfo=UTC)),
        (Any, float("nan")),
        (Any, {"deep": [1, b"x"]}),
    ],
)
def test_a_payload_that_does_not_round_trip_is_refused(annotation: Any, value: object) -> None:
    with pytest.raises(Unstorable, match=r"Tried for 'a' cannot be stored: data.field[. ]"):
        encoded(annotation, value)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (datetime, datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
        (float, float("nan")),
        (list[float | None], [float("nan"), None, float("inf"), -0.0]),
        (dict[str, tuple[float, ...]], {"x": (float("nan"),)}),
        (Base, Base(a=3)),
        (Base | Sub, Sub(b=7)),
        (Decimal, Decimal("1.500E-20")),
        (UUID, UUID(int=5)),
        (bytes, b"\x00\xff"),
        (frozenset[int], frozenset({1, 2})),
        (Any, {"a": [1, None, True, "x", 1.5]}),
    ],
)
def test_a_payload_that_round_trips_is_accepted(annotation: Any, value: object) -> None:
    assert encoded(annotation, value)


def test_a_key_that_postgresql_cannot_hold_is_named_by_what_holds_it() -> None:
    with pytest.raises(Unstorable) as refused:
        encoded(dict[str, list[dict[str, int]]], {"a": [{"x": 1}, {"y\0": 1}]})
    assert refused.value.args[1:] == (
        "a key in data.field.a.1", "holds a NUL character, which PostgreSQL has not in text."
    )  # fmt: skip


@pytest.mark.parametrize("annotation", [int, Any])
def test_a_number_too_long_for_python_to_read_is_refused(annotation: Any) -> None:
    assert encoded(annotation, 10**4000)
    with pytest.raises(Unstorable, match="data"):
        encoded(annotation, 10**5000)


def test_errors_show_no_personal_values() -> None:
    with pytest.raises(Unstorable) as refused:
        encode_data(happened(Hidden(name="Ann", more={"street": ("Langweg", 3)})), 1_000_000)
    assert "data.more.street is a tuple that would come back as a list" in str(refused.value)
    assert "Langweg" not in str(refused.value)


@pytest.mark.parametrize("metadata", ["[]", "7", "null", '"a"', "{}"])
def test_no_metadata_makes_reading_fail(metadata: str) -> None:
    row = (1, NOW, NOW, uuid4(), 1, 1, "t", "A", "a", "Unheard", "{}", metadata)
    assert Decoder({}).event(row).metadata == EventMetadata("t", "")


@pytest.mark.parametrize(
    "text", ['{"a": 1' + "0" * 5000 + "}", "[" * 100_000 + "]" * 100_000, "7", "null", "[]", '"a"', '{"a": 1e99999}']
)
@pytest.mark.parametrize("name", ["Known", "Unheard"])
@pytest.mark.parametrize("version", [1, 2])
def test_no_payload_makes_reading_fail(text: str, name: str, version: int) -> None:
    known = create_model("Known", __base__=EventData, a=(int, ...))
    found = Decoder({"Known": known}).data(name, version, text, uuid4())
    assert isinstance(found, Unreadable)
    assert found.reason.endswith(".")
