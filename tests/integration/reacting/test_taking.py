"""Leases on keys: taken in order, by one worker at a time, and settled by the one that has them."""

from collections.abc import Iterator
from typing import Any

import pytest

from acci.store.encryption.key_store import KeyStore
from acci.store.encryption.payload_encryption import encrypt_value
from acci.store.postgres.database import Connection, connect
from acci.store.reacting.effect_rows import bound_to
from acci.store.reacting.outbox import REFUSED, Ending, Head, Settlement, Taken, settle, take
from tests.support.histories import value
from tests.support.outboxes import fill, register, row


@pytest.fixture(autouse=True)
def reaction(connection: Connection) -> None:
    register(connection)


@pytest.fixture
def worker(database_url: str) -> Iterator[Connection]:
    """With the rights that a worker has."""
    with connect(database_url, "worker", "project") as opened:
        yield opened


def taken(connection: Connection, limit: int = 10, rows: int = 10, seconds: float = 60) -> tuple[Taken, ...]:
    return take(connection, seconds, limit, rows)


def ended(one: Taken, count: int, **more: Any) -> Settlement:
    """The first rows were delivered."""
    return Settlement(one.head, one.lease, [Ending(each, 1) for each in one.rows[:count]], **more)


def settled(connection: Connection, *settlements: Settlement) -> set[Head]:
    with connection.transaction():
        return settle(connection, settlements)


def head(connection: Connection) -> Any:
    return connection.execute(
        "SELECT tries, error, due = 'infinity', due <= clock_timestamp(), lease IS NULL, last_tried IS NOT NULL"
        " FROM acci.outbox_heads"
    ).fetchone()


def test_the_rows_of_a_key_come_in_order_whatever_order_they_were_put_in(worker: Connection) -> None:
    fill(worker, row(3, "a"), row(1, "a", rewind=1), row(2, "a", ordinal=1), row(2, "a"), row(4, "b"))
    found = {each.head.key: [(r.rewind, r.position, r.ordinal) for r in each.rows] for each in taken(worker)}
    assert found == {"a": [(0, 2, 0), (0, 2, 1), (0, 3, 0), (1, 1, 0)], "b": [(0, 4, 0)]}


def test_at_most_so_many_keys_and_rows_are_taken(worker: Connection) -> None:
    fill(worker, *(row(number, f"k{number % 3}") for number in range(1, 13)))
    found = taken(worker, limit=2, rows=3)
    assert [len(each.rows) for each in found] == [3, 3]
    assert [len(each.rows) for each in taken(worker, rows=9)] == [4]
    assert taken(worker) == ()


def test_what_one_worker_takes_no_other_does_until_the_lease_has_ended(
    connection: Connection, worker: Connection
) -> None:
    fill(connection, row(1, "a"))
    (first,) = taken(worker)
    assert taken(connection) == ()
    connection.execute("UPDATE acci.outbox_heads SET due = clock_timestamp()")  # its lease has ended
    (second,) = taken(connection)
    assert second.lease != first.lease
    assert settled(worker, ended(first, 1)) == {first.head}
    assert value(connection, "SELECT count(*) FROM acci.outbox") == 1
    assert value(connection, "SELECT count(*) FROM acci.deliveries") == 0
    assert settled(connection, ended(second, 1)) == set()
    assert value(connection, "SELECT count(*) FROM acci.outbox_heads") == 0


def test_heads_that_another_takes_now_are_not_waited_for(connection: Connection, worker: Connection) -> None:
    fill(connection, row(1, "a"), row(2, "b"))
    with connection.transaction():
        connection.execute("SELECT FROM acci.outbox_heads WHERE key = 'a' FOR UPDATE")
        assert [each.head.key for each in taken(worker)] == ["b"]


def test_a_paused_reaction_delivers_nothing(worker: Connection) -> None:
    register(worker, "other")
    fill(worker, row(1, "a"), row(1, "a", reaction="other"))
    worker.execute("UPDATE acci.reactions SET paused_at = now() WHERE reaction = 'other'")
    assert [each.head.reaction for each in taken(worker)] == ["welcome_mail"]
    worker.execute("UPDATE acci.reactions SET paused_at = NULL")
    assert [each.head.reaction for each in taken(worker)] == ["other"]


def test_a_key_whose_rows_all_ended_has_no_head(worker: Connection) -> None:
    fill(worker, row(1, "a"), row(2, "a"))
    (one,) = taken(worker)
    refusal = Settlement(one.head, one.lease, [Ending(one.rows[0], 1), Ending(one.rows[1], 3, REFUSED, "no")])
    assert settled(worker, refusal) == set()
    assert value(worker, "SELECT count(*) FROM acci.outbox_heads") == 0
    kept = worker.execute("SELECT position, tries, ended, reason FROM acci.deliveries ORDER BY 1").fetchall()
    assert kept == [(1, 1, "delivered", None), (2, 3, "refused", "no")]


def test_a_row_that_was_put_meanwhile_is_due_at_once(worker: Connection) -> None:
    fill(worker, row(1, "a"))
    (one,) = taken(worker)
    fill(worker, row(2, "a"))
    settled(worker, ended(one, 1))
    assert head(worker) == (0, None, False, True, True, False)
    assert [r.position for each in taken(worker) for r in each.rows] == [2]


def test_a_failed_row_stays_first_with_its_error_until_its_pause_is_over(worker: Connection) -> None:
    fill(worker, row(1, "a"), row(2, "a"))
    (one,) = taken(worker)
    settled(worker, ended(one, 1, tries=4, error="it answered 503", delay=60.0))
    assert head(worker) == (4, "it answered 503", False, False, True, True)
    assert taken(worker) == ()
    worker.execute("UPDATE acci.outbox_heads SET due = clock_timestamp()")
    (again,) = taken(worker)
    assert (again.tries, [r.position for r in again.rows]) == (4, [2])
    settled(worker, Settlement(again.head, again.lease, tries=4))  # put back, not tried
    assert head(worker) == (4, "it answered 503", False, True, True, True)


def test_a_dead_letter_is_never_due(worker: Connection) -> None:
    fill(worker, row(1, "a"))
    (one,) = taken(worker)
    settled(worker, Settlement(one.head, one.lease, tries=1, error="gone", delay=None))
    assert head(worker) == (1, "gone", True, False, True, True)
    fill(worker, row(2, "a"))
    assert taken(worker) == ()


def test_a_head_without_rows_goes(worker: Connection) -> None:
    fill(worker, row(1, "a"))
    worker.execute("DELETE FROM acci.outbox")
    (one,) = taken(worker)
    assert one.rows == ()
    settled(worker, Settlement(one.head, one.lease))
    assert value(worker, "SELECT count(*) FROM acci.outbox_heads") == 0


def test_content_of_a_person_is_opened_or_known_as_erased_or_as_tampered_with(
    worker: Connection, keys: KeyStore
) -> None:
    worker.keys = keys
    content = {"payload": {"to": "ann@example.com"}, "headers": {}}
    for place, (subject, about) in enumerate((("ann", 1), ("eve", 2), ("ann", 7)), 1):
        sealed = encrypt_value(content, "acme", subject, bound_to("welcome_mail", 0, about, 0), keys)
        fill(worker, row(place, f"k{place}", content=sealed, subject=subject))
    keys.destroy("acme", "eve")
    keys.clear_cache()
    opened, erased, moved = (each.rows[0] for each in sorted(taken(worker), key=lambda each: each.head.key))
    assert (opened.content, opened.is_erased, opened.problem) == (content, False, None)
    assert (erased.content, erased.is_erased, erased.problem) == ({}, True, None)
    assert (moved.content, type(moved.problem).__name__) == ({}, "Tampered")
