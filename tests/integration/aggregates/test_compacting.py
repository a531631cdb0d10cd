"""Compaction: due snapshots in bulk, equal to replay; superseded ones dropped; events never changed."""

from typing import Any

import pytest

from acci.domain.events import StreamId
from acci.store.aggregates.compaction import Compacted, compact
from acci.store.aggregates.repository import Repository
from acci.store.log.bulk import append_in_bulk
from acci.store.log.event_store import EventStore
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.database import Connection, Database
from acci.store.registry import Catalogue
from tests.domains.bank.account import Account
from tests.domains.bank.histories import history
from tests.domains.bank.ledger import audited, tampering

pytestmark = pytest.mark.bank


def snapshots(connection: Connection) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    found = connection.execute("SELECT aggregate_id, version, state_schema, state FROM acci.snapshots").fetchall()
    return {(row[0], row[1]): row[2:] for row in found}


def wrong(connection: Connection, catalogue: Catalogue) -> list[str]:
    done = audited(connection, catalogue, "snapshots", "snapshot_versions")
    return [found.problem for each in done for found in each.found]


def test_due_snapshots_are_taken_and_equal_replay(connection: Connection, catalogue: Catalogue) -> None:
    row = connection.execute(
        "SELECT count(*) FROM (SELECT FROM acci.events GROUP BY tenant_id, aggregate_id HAVING count(*) >= 4) AS long"
    ).fetchone()
    before = connection.execute("SELECT md5(string_agg(e::text, '')) FROM acci.events AS e").fetchone()

    done = compact(connection, catalogue, Account)

    assert row is not None
    assert (done.due, done.taken, done.dropped) == (row[0], row[0], 0)
    assert (done.before.snapshots, done.after.snapshots) == (0, row[0])
    assert done.after.bytes > 0
    assert wrong(connection, catalogue) == []
    assert connection.execute("SELECT md5(string_agg(e::text, '')) FROM acci.events AS e").fetchone() == before
    again = compact(connection, catalogue, Account)
    assert (again.due, again.taken, again.dropped) == (0, 0, 0)


def test_loading_begins_at_the_snapshot(connection: Connection, catalogue: Catalogue, bank_url: str) -> None:
    compact(connection, catalogue, Account)
    (account, version), _ = next(iter(snapshots(connection).items()))
    tenant = connection.execute("SELECT tenant_id FROM acci.snapshots WHERE aggregate_id = %s", (account,)).fetchone()
    assert tenant is not None
    with Database(bank_url) as database:
        loaded = Repository(EventStore(database, catalogue)).load(Account, StreamId(tenant[0], "Account", account))
    assert loaded.snapshot_version == version


def test_newer_snapshots_replace_older_ones_beyond_those_kept(connection: Connection, catalogue: Catalogue) -> None:
    for events in (120, 240, 400):
        append_in_bulk(connection, history(2, events)[(events - 120 if events < 400 else 240) :], PAYLOAD_LIMIT)
        compact(connection, catalogue, Account, keep=2)
    of_stream: dict[str, int] = {}
    for account, _ in snapshots(connection):
        of_stream[account] = of_stream.get(account, 0) + 1
    assert max(of_stream.values()) == 2
    assert compact(connection, catalogue, Account, keep=1).dropped == sum(count - 1 for count in of_stream.values())
    assert wrong(connection, catalogue) == []


def test_snapshots_of_an_older_class_are_retaken(connection: Connection, catalogue: Catalogue) -> None:
    taken = compact(connection, catalogue, Account).taken
    connection.execute("UPDATE acci.snapshots SET state_schema = 'older', state = '{}'")
    (stale,) = audited(connection, catalogue, "snapshots")
    assert {found.severity.value for found in stale.found} == {"info"}
    done = compact(connection, catalogue, Account)
    assert done.taken == taken
    assert {schema for schema, _ in snapshots(connection).values()} == {Account.state_schema()}
    assert wrong(connection, catalogue) == []


def test_an_interrupted_compaction_is_resumed(connection: Connection, catalogue: Catalogue) -> None:
    class Killed(Exception):
        pass

    def kill(_: int, __: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        compact(connection, catalogue, Account, streams=5, report=kill)
    assert len(snapshots(connection)) == 5
    done: Compacted = compact(connection, catalogue, Account, streams=5)
    assert len(snapshots(connection)) == 5 + done.taken
    assert compact(connection, catalogue, Account).due == 0


def test_an_unreadable_stream_is_left_out_and_counted(connection: Connection, catalogue: Catalogue) -> None:
    whole = compact(connection, catalogue, Account).taken
    connection.execute("DELETE FROM acci.snapshots")
    with tampering(connection):
        connection.execute(
            """UPDATE acci.events SET data = '{}' WHERE version = 1 AND (tenant_id, aggregate_id) IN
               (SELECT tenant_id, aggregate_id FROM acci.events WHERE version = 4 ORDER BY position LIMIT 1)"""
        )
    done = compact(connection, catalogue, Account)
    assert (done.taken, done.unreadable) == (whole - 1, 1)
