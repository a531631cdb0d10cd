"""A repair does not trust a log that an audit found changed: what may depend on it is left alone, unless asked to."""

from collections.abc import Callable
from typing import LiteralString

import pytest

from acci.store.aggregates.compaction import compact
from acci.store.auditing.repair import Repaired, repair
from acci.store.log import seals
from acci.store.postgres.database import Connection
from acci.store.projecting import dead_letters
from acci.store.projecting.batches import catch_up
from acci.store.registry import Catalogue
from tests.domains.bank.account import Account
from tests.domains.bank.ledger import audited, corrupt, some_account, tampering
from tests.support.histories import value

pytestmark = pytest.mark.bank


@pytest.fixture
def bank(connection: Connection, catalogue: Catalogue) -> Connection:
    compact(connection, catalogue, Account)
    seals.seal(connection, 100)
    assert not any(each.found for each in audited(connection, catalogue))
    return connection


def rows(connection: Connection, name: str) -> list[tuple[str]]:
    query = f"SELECT (to_jsonb(r) - 'touched')::text FROM read.{name} AS r ORDER BY 1"  # noqa: S608 a read model's name
    return connection.execute(query.encode()).fetchall()


def changed(connection: Connection, tenant_id: str, account: str, which: LiteralString, change: LiteralString) -> None:
    """Change the account's first or last deposit (`which`: min or max)."""
    deposits: LiteralString = "event_type = 'Deposited' AND (tenant_id, aggregate_id) = (%s, %s)"
    deposit: LiteralString = f"position = (SELECT {which}(position) FROM acci.events WHERE {deposits})"  # noqa: S608
    with tampering(connection):
        connection.execute(f"{change} WHERE {deposit}", (tenant_id, account))


def forged(connection: Connection, tenant_id: str, account: str) -> None:
    change: LiteralString = """UPDATE acci.events SET data = jsonb_set(data, '{amount}', '"999999"')"""
    changed(connection, tenant_id, account, "min", change)


def inserted(connection: Connection, tenant_id: str, account: str) -> None:
    """Into a sealed range, in a stream of its own."""
    changed(connection, tenant_id, account, "min", "UPDATE acci.events SET aggregate_id = 'somebody-else'")


def removed(connection: Connection, tenant_id: str, account: str) -> None:
    changed(connection, tenant_id, account, "max", "DELETE FROM acci.events")


def left_alone(done: list[Repaired]) -> int:
    return sum(each.left_alone for each in done)


def depositing(connection: Connection) -> tuple[str, str]:
    row = connection.execute(
        """SELECT tenant_id, aggregate_id FROM acci.events WHERE event_type = 'Deposited'
             AND (tenant_id, aggregate_id) IN (SELECT tenant_id, id FROM read.accounts)
           GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2 LIMIT 1"""
    ).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize("forge", [forged, inserted, removed])
def test_rows_that_depend_on_changed_events_are_left_alone(
    bank: Connection, catalogue: Catalogue, forge: Callable[[Connection, str, str], None]
) -> None:
    forge(bank, *depositing(bank))
    before = {name: rows(bank, name) for name in catalogue.projections}
    wrong = {each.projection for each in audited(bank, catalogue, "rows") if each.found}
    assert wrong
    audited(bank, catalogue, "snapshots", "second_opinion")

    done = repair(bank, catalogue)

    assert {name: rows(bank, name) for name in catalogue.projections} == before
    assert left_alone(done) == sum(each.found for each in done) > 0
    assert all(each.because for each in done)
    repair(bank, catalogue, trust_log=True)
    assert not any(each.found for each in audited(bank, catalogue, "rows"))


def test_other_rows_are_repaired(bank: Connection, catalogue: Catalogue) -> None:
    """Of read models whose rows are of one stream each."""
    tenant_id, account = depositing(bank)
    before = rows(bank, "accounts")
    corrupt(
        bank,
        "accounts",
        "UPDATE {table} SET movements = movements + 1 WHERE (tenant_id, id) <> (%(t)s, %(a)s)",
        t=tenant_id,
        a=account,
    )
    forged(bank, tenant_id, account)
    audited(bank, catalogue)
    (done,) = [each for each in repair(bank, catalogue) if (each.check, each.projection) == ("rows", "accounts")]
    assert done.left == done.left_alone <= 1 < done.found
    assert rows(bank, "accounts") == before


def test_a_discard_made_by_hand_does_not_count(bank: Connection, catalogue: Catalogue) -> None:
    tenant_id, account = some_account(bank)
    query = "SELECT max(position) FROM acci.events WHERE (tenant_id, aggregate_id) = (%s, %s)"
    position = value(bank, query, (tenant_id, account))
    bank.execute("INSERT INTO acci.discarded_events VALUES ('accounts', %s, 'forged', now())", (position,))
    before = rows(bank, "accounts")

    (check,) = [each for each in audited(bank, catalogue) if each.found]
    assert (check.check, check.found[0].place) == (
        "discarded_events",
        {"projection": "accounts", "position": str(position)},
    )
    repair(bank, catalogue)
    assert rows(bank, "accounts") == before
    assert dead_letters.retry(bank, catalogue, catalogue.projection("accounts")).released == 0
    assert rows(bank, "accounts") == before


def test_a_discard_no_longer_counts_when_its_event_was_changed(bank: Connection, catalogue: Catalogue) -> None:
    accounts = catalogue.projection("accounts")
    stored = """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type,
                    data, metadata)
                SELECT now(), gen_random_uuid(), max(version) + 1, tenant_id, aggregate_type, aggregate_id, 'Deposited',
                       '{"amount": "a lot"}', '{}'
                FROM acci.events WHERE (tenant_id, aggregate_id) = (%s, %s) GROUP BY 4, 5, 6"""
    bank.execute(stored, some_account(bank))
    assert catch_up(bank, catalogue, accounts).dead_letters == 1
    (letter,) = dead_letters.letters(bank, "accounts")
    dead_letters.discard(bank, catalogue, letter.dead_letter, "no number")
    row = bank.execute("SELECT dead_letter, discarded_by FROM acci.discarded_events").fetchone()
    assert row == (letter.dead_letter, value(bank, "SELECT session_user"))
    assert not any(each.found for each in audited(bank, catalogue, "discarded_events"))

    with tampering(bank):
        bank.execute('UPDATE acci.events SET data = \'{"amount": "5.00"}\' WHERE position = %s', (letter.position,))
    (check,) = audited(bank, catalogue, "discarded_events")
    assert "was changed since it was discarded" in check.found[0].problem
