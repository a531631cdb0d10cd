"""Housekeeping: old records are removed, needed ones stay."""

import pytest

from acci.store.aggregates.compaction import compact
from acci.store.auditing.findings import findings
from acci.store.auditing.statistics import Result, last_audit, record
from acci.store.backfilling import backfill
from acci.store.backfilling.selection import Choice
from acci.store.generations import generations
from acci.store.maintenance.housekeeping import tidy
from acci.store.monitoring.lag_samples import lag_curves, sample
from acci.store.postgres.database import Connection
from acci.store.rebuilding import build
from acci.store.registry import load
from tests.domains.bank.ledger import audited, corrupt, some_account

BANK = load(["tests.domains.bank"])
pytestmark = pytest.mark.bank


def removed(connection: Connection, keep: int = 1, days: int = 90) -> dict[str, int]:
    return {each.what: each.removed for each in tidy(connection, BANK, keep, days) if each.removed}


def count(connection: Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM acci.{table}").fetchone()  # noqa: S608
    return int(row[0]) if row else 0


def age(connection: Connection, table: str, column: str) -> None:
    """A hundred days pass."""
    connection.execute(f"UPDATE acci.{table} SET {column} = {column} - interval '100 days'")  # noqa: S608


def test_there_is_nothing_to_remove_from_what_is_new(connection: Connection) -> None:
    assert removed(connection) == {}


def test_old_generations_beyond_those_kept_are_removed(connection: Connection) -> None:
    turnover = BANK.projection("turnover")
    for _ in range(3):
        build.rebuild(connection, BANK, turnover)
    kept = generations.kept(connection, "turnover")
    before = len(kept)
    assert removed(connection) == ({"generations": before - 1} if before > 1 else {})
    assert removed(connection, keep=0) == {"generations": min(before, 1)}
    assert generations.live(connection, "turnover") is not None


def test_findings_are_removed_long_after_they_were_resolved(connection: Connection) -> None:
    _, account = some_account(connection)
    corrupt(connection, "accounts", "UPDATE {table} SET owner = 'Eve' WHERE id = %(id)s", id=account)
    audited(connection, BANK, "rows")
    age(connection, "findings", "first_seen")
    assert removed(connection) == {}, "it is open"
    connection.execute("UPDATE acci.findings SET resolved_at = now()")
    assert removed(connection) == {}, "it has just gone"
    age(connection, "findings", "resolved_at")
    assert removed(connection) == {"findings": 1}
    assert findings(connection, resolved=True) == []


def test_ended_backfills_are_removed_with_their_chunks(connection: Connection) -> None:
    accounts = BANK.projection("accounts")
    begun = backfill.begin(connection, BANK, accounts, Choice(), 10)
    age(connection, "backfills", "started_at")
    assert removed(connection) == {}, "it goes on"
    backfill.run_chunks(connection, BANK, accounts, begun)
    assert removed(connection) == {}
    age(connection, "backfills", "finished_at")
    assert removed(connection) == {"backfills": 1}
    assert count(connection, "backfill_chunks") == 0


def test_the_last_full_audit_is_kept_at_any_age(connection: Connection) -> None:
    for is_full in (True, True, False):
        record(connection, Result(1.0, is_full, 1, 20, 0, 0, 0, 0))
    age(connection, "audits", "made_at")
    assert removed(connection) == {"audits": 2}
    last = last_audit(connection)
    assert last is not None
    assert last.age > 99 * 24 * 3600


def test_dead_letters_are_removed_only_with_their_generation(connection: Connection) -> None:
    letters = """INSERT INTO acci.dead_letters (generation, position, event_type, keys, error, payload)
        SELECT generation, 1, 'Opened', '[]', 'no', '{}' FROM acci.generations WHERE projection = 'accounts'"""
    connection.execute(letters)
    assert removed(connection) == {}
    connection.execute("UPDATE acci.generations SET state = 'dropped' WHERE projection = 'accounts'")
    assert removed(connection) == {"dead letters": 1}


def test_events_seals_snapshots_commands_and_imports_stay(connection: Connection) -> None:
    aggregate = next(each for each in BANK.aggregates.values() if each.snapshot_every)
    compact(connection, BANK, aggregate)
    tables = ("events", "seals", "snapshots", "commands", "imports")
    before = {table: count(connection, table) for table in tables}
    tidy(connection, BANK, keep=0, days=1)
    assert {table: count(connection, table) for table in tables} == before


def test_what_reactions_decided_and_delivered_stays_at_any_age(connection: Connection) -> None:
    for made in (
        "INSERT INTO acci.reactions (reaction, checkpoint, begins, fingerprint, server) VALUES ('mail', 9, 0, '', '')",
        """INSERT INTO acci.outcomes (position, rewind, effects, reaction, tenant_id, key, digest)
           VALUES (1, 0, 2, 'mail', 't', 'a', '')""",
        """INSERT INTO acci.deliveries (position, rewind, ordinal, tries, ended_at, reaction, ended)
           VALUES (1, 0, 0, 1, now() - interval '10 years', 'mail', 'delivered')""",
    ):
        connection.execute(made)
    tables = ("reactions", "outcomes", "deliveries")
    before = {table: count(connection, table) for table in tables}
    tidy(connection, BANK, keep=0, days=1)
    assert {table: count(connection, table) for table in tables} == before


def test_lag_is_sampled_shown_and_removed_later(connection: Connection) -> None:
    for _ in range(2):
        sample(connection, BANK)
    curves = lag_curves(connection, hours=1)
    assert set(curves) == set(BANK.projections)
    assert all(-1 < ago <= 0 and seconds == 0 for curve in curves.values() for ago, seconds in curve)
    age(connection, "lag_samples", "sampled_at")
    assert lag_curves(connection, hours=1) == {}
    assert removed(connection) == {"lag samples": 2 * len(BANK.projections)}
