"""What makes two commands the same one: what they ask for."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID, uuid4

from pydantic import BaseModel

from domain.commands import CommandData
from store.idempotency import remembered_as
from tests.ledger import Pay, PayTwice, command


class Inner(BaseModel):
    labels: frozenset[str] = frozenset()


class Anything(CommandData):
    aggregate_id_field: ClassVar[str] = "id"

    id: str = "a"
    value: Any = None
    inner: Inner = Inner()
    sets: set[frozenset[int]] | None = None


def content(**fields: Any) -> bytes:
    return remembered_as(command(Anything(**fields))).content


def test_who_sends_it_and_when_does_not_matter() -> None:
    data, same = Pay(account="a", amount=Decimal(1)), uuid4()
    first = remembered_as(command(data, same))
    again = remembered_as(command(data, same, correlation_id="again", user_id="x", timestamp=datetime.now(UTC)))
    assert first == again


def test_the_kind_of_command_and_every_field_matter() -> None:
    one = Pay(account="a", amount=Decimal(1))
    others = [
        PayTwice(account="a", amount=Decimal(1)),
        Pay(account="b", amount=Decimal(1)),
        Pay(account="a", amount=Decimal(2)),
    ]
    assert len({remembered_as(command(data)).content for data in [one, *others]}) == 4


def test_neither_a_dicts_nor_a_sets_order_matters() -> None:
    names = [f"label {n}" for n in range(50)]
    assert content(value=dict.fromkeys(names, 1)) == content(value=dict.fromkeys(reversed(names), 1))
    assert content(inner={"labels": names}) == content(inner={"labels": names[::-1]})
    assert content(sets=[[1, 2], [3]]) == content(sets=[[3], [2, 1]])
    assert content(value=[1, 2]) != content(value=[2, 1])


def test_values_that_look_alike_are_told_apart() -> None:
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
    ]
    assert len({content(value=value) for value in looks}) == len(looks)


def test_a_moment_is_the_same_however_it_was_made() -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    parsed = datetime.fromisoformat("2026-01-01T12:00:00Z")
    assert content(value=moment) == content(value=parsed)
    assert content(value=moment) != content(value=moment.astimezone(timezone(timedelta(hours=1))) + timedelta(hours=1))
    assert content(value=UUID(int=1)) == content(value=UUID(int=1))
    assert content(value=b"\xff") != content(value=b"\xfe")
