"""What makes two commands the same one: what they ask for."""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr, create_model

from acci.domain.commands import Command, CommandData
from acci.store.log.idempotency import IdempotencyRecord, record_of_command
from acci.store.values.canonical import canonical_form
from tests.domains.ledger import Pay, PayTwice, command


class Inner(BaseModel):
    labels: frozenset[str] = frozenset()


class Wider(Inner):
    size: int = 0


class Secretive(CommandData):
    aggregate_id_field: ClassVar[str] = "id"

    id: str = "a"
    password: SecretStr = SecretStr("")
    inner: Inner = Inner()
    hidden: int = Field(default=0, exclude=True)


class Anything(CommandData):
    aggregate_id_field: ClassVar[str] = "id"

    id: str = "a"
    value: Any = None
    inner: Inner = Inner()
    sets: set[frozenset[int]] | None = None


def remembered(command: Command[CommandData]) -> IdempotencyRecord:
    return record_of_command(command.id, type(command.data).__name__, canonical_form(command.data))


def content(**fields: Any) -> bytes:
    return remembered(command(Anything(**fields))).digest


def test_who_sends_it_and_when_does_not_matter() -> None:
    data, same = Pay(account="a", amount=Decimal(1)), uuid4()
    first = remembered(command(data, same))
    again = remembered(command(data, same, correlation_id="again", user_id="x", timestamp=datetime.now(UTC)))
    assert first == again


def test_the_kind_of_command_and_every_field_matter() -> None:
    one = Pay(account="a", amount=Decimal(1))
    others = [
        PayTwice(account="a", amount=Decimal(1)),
        Pay(account="b", amount=Decimal(1)),
        Pay(account="a", amount=Decimal(2)),
    ]
    assert len({remembered(command(data)).digest for data in [one, *others]}) == 4


def test_neither_a_dicts_nor_a_sets_order_matters() -> None:
    names = [f"label {n}" for n in range(50)]
    assert content(value=dict.fromkeys(names, 1)) == content(value=dict.fromkeys(reversed(names), 1))
    assert content(inner={"labels": names}) == content(inner={"labels": names[::-1]})
    assert content(sets=[[1, 2], [3]]) == content(sets=[[3], [2, 1]])
    assert content(value=[1, 2]) != content(value=[2, 1])


def test_values_that_look_alike_have_different_digests() -> None:
    looks: list[Any] = [
        "1",
        1,
        [1],
        {"1": 1},
        {"a": "b:c"},
        {"a:b": "c"},
        ["a,b"],
        ["a", "b"],
        None,
        "null",
        [],
        {},
        "",
        Decimal(1),
        1.5,
        Decimal("1.5"),
        "1.5",
        b"hello",
        "aGVsbG8=",
        float("inf"),
        "Infinity",
        float("nan"),
        "NaN",
        UUID(int=1),
        str(UUID(int=1)),
        datetime(2026, 1, 1, tzinfo=UTC),
        "2026-01-01T00:00:00Z",
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(seconds=30))),
        datetime(2026, 1, 1),  # noqa: DTZ001
        date(2026, 1, 1),
        "2026-01-01",
        Decimal("Infinity"),
        Decimal("1E+5"),
        Decimal("1E+50"),
        Decimal("-1E+50"),
    ]
    assert len({content(value=value) for value in looks}) == len(looks)


def test_equal_values_are_the_same_however_they_are_written() -> None:
    one, other = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    for same in (
        [Decimal("1.0"), Decimal("1.00"), Decimal("10E-1")],
        [0.0, -0.0],
        [one, other],
        [Decimal(0), Decimal("-0.0")],
    ):
        assert len({content(value=value) for value in same}) == 1


@given(st.decimals(), st.decimals())
def test_decimals_are_the_same_if_they_are_equal(one: Decimal, other: Decimal) -> None:
    if not (one.is_nan() or other.is_nan()):
        assert (content(value=one) == content(value=other)) is (one == other)


def test_what_a_dump_does_not_show_matters_too() -> None:
    told = [
        Secretive(password=SecretStr("one")),
        Secretive(password=SecretStr("two")),
        Secretive(hidden=1),
        Secretive(inner=Wider(size=1)),
        Secretive(inner=Wider(size=2)),
    ]
    assert len({remembered(command(data)).digest for data in told}) == len(told)


NAMES = st.text(st.characters(categories=["Ll", "Lu", "Nd"]), min_size=1, max_size=6).map(lambda text: f"f{text}")
PLAIN = st.one_of(st.text(), st.integers(-(2**63), 2**63), st.booleans(), st.none())
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=2))


@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_a_digest_never_changes(fields: dict[str, Any]) -> None:
    of_any_shape: dict[str, Any] = dict.fromkeys(fields, (Any, None))
    made = create_model("Made", __base__=CommandData, **of_any_shape)
    members = sorted(f"{as_json(name)}:{as_json(value)}" for name, value in fields.items())
    digest = hashlib.sha256(f"Made {{{','.join(members)}}}".encode()).digest()
    assert remembered(command(made(**fields))).digest == digest


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_equal_timestamps_have_equal_digests() -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    parsed = datetime.fromisoformat("2026-01-01T12:00:00Z")
    assert content(value=moment) == content(value=parsed)
    assert content(value=moment) != content(value=moment.astimezone(timezone(timedelta(hours=1))) + timedelta(hours=1))
    assert content(value=UUID(int=1)) == content(value=UUID(int=1))
    assert content(value=b"\xff") != content(value=b"\xfe")
