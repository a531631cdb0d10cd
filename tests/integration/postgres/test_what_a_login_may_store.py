"""SQL of an append-only login cannot break other readers: bad values are refused, or every reader handles them."""

from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest

from acci.store.log import seals
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.postgres.tenants import enter
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load
from tests.domains.bank.ledger import audited
from tests.support.histories import value
from tests.support.servers import SharedServer

INSERT: LiteralString = """INSERT INTO acci.events
    ("timestamp", id, version, schema_version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
    VALUES (%(timestamp)s::timestamptz, gen_random_uuid(), %(version)s, %(schema_version)s, %(tenant_id)s,
            %(aggregate_type)s, %(aggregate_id)s, %(event_type)s, %(data)s, %(metadata)s)"""
SOUND: dict[str, Any] = {
    "timestamp": "2026-01-01Z", "version": 1, "schema_version": 1, "tenant_id": "tenant-0", "aggregate_type": "Account",
    "aggregate_id": "sql", "event_type": "AccountOpened",
    "data": '{"owner": "Eve", "since": "2026-01-01T00:00:00Z"}',
    "metadata": '{"tenant_id": "tenant-0", "correlation_id": "c"}',
}  # fmt: skip
MOMENTS = [
    "infinity",
    "-infinity",
    "0044-03-15 12:00Z BC",
    "200000-01-01Z",
    "294276-12-31 23:59:59.999999Z",
    "10000-01-01Z",
]
REFUSED = [
    *[{"timestamp": moment} for moment in MOMENTS],
    {"schema_version": 0},
    {"version": 2_147_483_647},
    {"data": "[]"},
    {"data": '"text"'},
    {"data": "null"},
    {"metadata": "[]"},
    {"metadata": "7"},
    {"aggregate_id": ""},
    {"event_type": ""},
    {"aggregate_type": ""},
    {"aggregate_id": "x" * 501},
    {"event_type": "x" * 1_000_000},
    {"metadata": '{"correlation_id": "%s"}' % ("x" * 100_000)},
]
DIGESTS_FIT: LiteralString = """SELECT bool_and(acci.event_digest(e) = sha256(convert_to(ROW(
    e.position, (extract(epoch FROM e."timestamp") * 1000000)::bigint,
    (extract(epoch FROM e.recorded_at) * 1000000)::bigint, e.id, e.version, e.schema_version,
    e.tenant_id, e.aggregate_type, e.aggregate_id, e.event_type, e.data, e.metadata
)::text, 'UTF8'))) FROM acci.events AS e"""
DEEP = '{"correlation_id": ' + "[" * 1_500 + "]" * 1_500 + "}"


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load(["tests.domains.bank"])


@pytest.fixture
def appender(bank_url: str) -> Iterator[Connection]:
    with connect(bank_url, "test", "append") as opened:
        enter(opened, "tenant-0")
        yield opened


@pytest.fixture(scope="module")
def shared(server: SharedServer, bank_template: str) -> Iterator[Connection]:
    with server.database(template=bank_template) as url, connect(url, "test", "append") as opened:
        enter(opened, "tenant-0")
        yield opened


@pytest.mark.parametrize("given", REFUSED, ids=lambda given: str(given)[:40])
def test_values_that_would_break_readers_are_refused(shared: Connection, given: dict[str, Any]) -> None:
    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.InsufficientPrivilege)), shared.transaction():
        shared.execute(INSERT, SOUND | given)


def test_recorded_at_cannot_be_given(shared: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
        shared.execute(
            INSERT.replace("schema_version,", "schema_version, recorded_at,", 1).replace(
                "%(schema_version)s,", "%(schema_version)s, now(),", 1
            ),
            SOUND,
        )


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO acci.commands VALUES ('infinity', gen_random_uuid(), 'tenant-0', 'c', '', '{}')",
        "INSERT INTO acci.snapshots VALUES ('infinity', 1, 'tenant-0', 'Account', 'a', 's', '{}')",
        "INSERT INTO acci.snapshots VALUES (now(), 1, 'tenant-0', 'Account', 'a', 's', '[]')",
        "UPDATE acci.snapshots SET state = '[]'",
    ],
)
def test_commands_and_snapshots_that_would_break_readers_are_refused(
    shared: Connection, statement: LiteralString
) -> None:
    with shared.transaction(force_rollback=True):
        shared.execute("INSERT INTO acci.snapshots VALUES (now(), 1, 'tenant-0', 'Account', 'sound', 's', '{}')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shared.execute(statement)


def test_unreadable_metadata_is_left_out(appender: Connection, bank_url: str, catalogue: Catalogue) -> None:
    """Nested as deeply as PostgreSQL takes, or of other types than an append stores."""
    appender.execute(INSERT, SOUND | {"metadata": DEEP, "aggregate_id": "deep"})
    appender.execute(INSERT, SOUND | {"metadata": '{"correlation_id": {}, "user_id": 7}', "aggregate_id": "odd"})
    with Database(bank_url) as database:
        read = [*EventStore(database, catalogue).read_all()]
    assert [(each.metadata.correlation_id, each.metadata.user_id) for each in read[-2:]] == [("", None), ("", None)]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_log_with_such_a_timestamp_is_sealed_audited_and_read(
    server: SharedServer, catalogue: Catalogue, moment: str
) -> None:
    """Stored without the constraint, which stays unchecked; the audit says which event breaks it."""
    with server.database() as url:
        with connect(url, "test") as connection:
            constraint = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'events_timestamp_check'"
            check = value(connection, constraint)
            connection.execute("ALTER TABLE acci.events DROP CONSTRAINT events_timestamp_check")
            connection.execute(INSERT, SOUND | {"timestamp": moment})
            connection.execute(INSERT, SOUND | {"aggregate_id": "next"})
            connection.execute(
                f"ALTER TABLE acci.events ADD CONSTRAINT events_timestamp_check {check} NOT VALID".encode()
            )
        with connect(url, "test") as connection:
            validated = "SELECT convalidated FROM pg_constraint WHERE conname = 'events_timestamp_check'"
            assert value(connection, validated) is False
            assert seals.seal(connection, 100).events == 2
            found = {each.check: each.found for each in audited(connection, catalogue) if each.found}
            assert {"envelopes", "schema"} >= {*found}
            assert "no calendar has" in found["envelopes"][0].problem
            for name in ("accounts", "statements", "turnover"):
                build.rebuild(connection, catalogue, catalogue.projection(name))
            assert connection.execute("SELECT * FROM acci.events").fetchall()
        with Database(url) as database:
            assert len([*EventStore(database, catalogue).read_all()]) == 2


def test_the_constraints_of_a_valid_log_are_validated_at_once(bank_url: str) -> None:
    with connect(bank_url, "test") as connection:
        assert value(
            connection, "SELECT bool_and(convalidated) FROM pg_constraint WHERE conrelid = 'acci.events'::regclass"
        )


def test_digests_do_not_change_between_versions(server: SharedServer, catalogue: Catalogue) -> None:
    """A seal of years ago must fit the same events: what is digested is the microseconds, as whole numbers."""
    with server.database() as url, connect(url, "test") as connection:
        for number, moment in enumerate(("2026-01-01 00:00:00.000001Z", "0001-01-01Z", "9999-12-31 23:59:59.999999Z")):
            connection.execute(INSERT, SOUND | {"timestamp": moment, "aggregate_id": str(number)})
        assert value(connection, DIGESTS_FIT)
        chain = seals.seal(connection, 100).chain
        assert seals.seal(connection, 100).chain == chain
        assert [each.found for each in audited(connection, catalogue, "seals", "seal_chain")] == [(), ()]
