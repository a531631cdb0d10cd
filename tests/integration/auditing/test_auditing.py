"""Audits: what is wrong is named, what is right is left alone, and what is gone is resolved."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from acci.domain.contexts import Context
from acci.domain.errors import DefinitionError, UnknownName
from acci.domain.events import Event
from acci.domain.projections import Projection, Upsert, add, count, on
from acci.store.auditing.audit import chosen
from acci.store.auditing.findings import Found, Severity, findings, history, record_findings
from acci.store.auditing.read_models import SAMPLE
from acci.store.auditing.repair import repair
from acci.store.auditing.scope import WHOLE, AuditScope, KeyDoesNotFit
from acci.store.generations import generations
from acci.store.generations.fingerprints import RebuildNeeded
from acci.store.generations.table_definition import TableAltered
from acci.store.log.bulk import append_in_bulk
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.database import Connection
from acci.store.projecting import batches, dead_letters, poison_events
from acci.store.rebuilding import build
from acci.store.registry import Catalogue
from acci.store.verifying.table_diff import EXAMPLES
from tests.domains import bank
from tests.domains.bank.events import Deposited
from tests.domains.bank.histories import history as made_up
from tests.domains.bank.ledger import EVENTS, audited, corrupt, some_account, tampering

pytestmark = pytest.mark.bank


def rows_found(connection: Connection, catalogue: Catalogue, name: str, extent: AuditScope = WHOLE) -> dict[str, Found]:
    (done,) = audited(connection, catalogue, "rows", projection=name, extent=extent)
    assert done.left_out is None
    return {"/".join(map(str, found.place.values())): found for found in done.found}


def test_a_healthy_history_has_no_findings(connection: Connection, catalogue: Catalogue) -> None:
    done = audited(connection, catalogue)
    assert {each.check: (each.found, each.left_out) for each in done} == {each.check: ((), None) for each in done}
    assert findings(connection) == []


def test_a_wrong_row_stays_in_the_sample_until_it_is_repaired(connection: Connection, catalogue: Catalogue) -> None:
    tenant, account = some_account(connection)
    corrupt(connection, "accounts", "UPDATE {table} SET balance = balance + 1 WHERE id = %(id)s", id=account)
    record_findings(
        connection, "second_opinion", "accounts", [Found({"tenant_id": tenant, "id": account}, Severity.ERROR, "")], ()
    )
    audited(connection, catalogue, "second_opinion", projection="accounts")
    (found,) = findings(connection, "second_opinion")
    assert found.problem == f"The reference engine derives {tenant}/{account} differently: balance."
    (repaired,) = repair(connection, catalogue)
    assert (repaired.check, repaired.found, repaired.left) == ("second_opinion", 1, 0)
    assert findings(connection) == []


def test_totals_that_a_wrong_row_falsified_are_right_once_it_is_repaired(
    connection: Connection, catalogue: Catalogue
) -> None:
    corrupt(connection, "turnover", "UPDATE {table} SET amount = amount + 1")
    audited(connection, catalogue, projection="turnover")
    assert {"rows", "totals"} <= {each.check for each in findings(connection)}
    repair(connection, catalogue)
    assert findings(connection) == []


def test_every_row_of_a_sample_that_is_wrong_is_named(connection: Connection, catalogue: Catalogue) -> None:
    corrupt(connection, "accounts", "UPDATE {table} SET balance = balance + 1")
    row = connection.execute("SELECT count(*) FROM read.accounts").fetchone()
    assert row is not None
    (done,) = audited(connection, catalogue, "second_opinion", projection="accounts")
    assert len(done.found) >= min(row[0], SAMPLE) > EXAMPLES


def test_missing_extra_and_different_rows_are_named_with_values(connection: Connection, catalogue: Catalogue) -> None:
    tenant, account = some_account(connection)
    corrupt(connection, "accounts", "DELETE FROM {table} WHERE id = %(id)s", id=account)
    corrupt(connection, "statements", "UPDATE {table} SET movements = '[]' WHERE id = %(id)s", id=account)
    corrupt(connection, "turnover", "INSERT INTO {table} VALUES ('nobody', '2020-01-01', 1, 2, 3)")

    missing = rows_found(connection, catalogue, "accounts")[f"{tenant}/{account}"]
    assert missing.problem == "The row is missing: its events produce one."
    assert missing.details["expected"]["movements"] != "0"

    different = rows_found(connection, catalogue, "statements")[f"{tenant}/{account}"]
    assert different.details["columns"]["movements"]["stored"] == "[]"
    assert "differs from what its events produce in movements" in different.problem

    extra = rows_found(connection, catalogue, "turnover")["nobody/2020-01-01"]
    assert extra.details == {"kind": "extra", "stored": {"deposits": "1", "amount": "2.00", "largest": "3.00"}}


def test_a_narrowed_audit_finds_only_what_is_in_its_scope(connection: Connection, catalogue: Catalogue) -> None:
    tenant, account = some_account(connection)
    corrupt(connection, "accounts", "UPDATE {table} SET owner = owner || '!'")
    whole = rows_found(connection, catalogue, "accounts")

    of_tenant = rows_found(connection, catalogue, "accounts", AuditScope(tenant_id=tenant))
    assert of_tenant.keys() == {key for key in whole if key.startswith(f"{tenant}/")}
    assert rows_found(connection, catalogue, "accounts", AuditScope(keys=((tenant, account),))).keys() == {
        f"{tenant}/{account}"
    }
    shares = [rows_found(connection, catalogue, "accounts", AuditScope(one_in=3, offset=turn)) for turn in range(3)]
    assert sorted(key for share in shares for key in share) == sorted(whole)
    assert max(map(len, shares)) < len(whole)
    assert rows_found(connection, catalogue, "accounts", AuditScope(since=datetime(2027, 1, 1, tzinfo=UTC))) == {}
    assert rows_found(connection, catalogue, "accounts", AuditScope(since=datetime(2020, 1, 1, tzinfo=UTC))) == whole


def test_an_extra_row_of_a_tenant_without_events_is_found_by_its_tenant(
    connection: Connection, catalogue: Catalogue
) -> None:
    corrupt(connection, "turnover", "INSERT INTO {table} VALUES ('nobody', '2020-01-01', 1, 2, 3)")
    assert rows_found(connection, catalogue, "turnover", AuditScope(tenant_id="nobody")).keys() == {"nobody/2020-01-01"}


def test_a_key_is_found_in_every_spelling(connection: Connection, catalogue: Catalogue) -> None:
    corrupt(connection, "turnover", "UPDATE {table} SET amount = amount + 1")
    row = connection.execute("SELECT tenant_id, day FROM read.turnover ORDER BY 1, 2 LIMIT 1").fetchone()
    assert row is not None
    for spelled in (f"{row[1]:%Y%m%d}", f"{row[1]:%d %b %Y}"):
        found = rows_found(connection, catalogue, "turnover", AuditScope(keys=((row[0], spelled),)))
        assert found.keys() == {f"{row[0]}/{row[1]}"}


def test_findings_stay_open_while_the_check_cannot_be_made(connection: Connection, catalogue: Catalogue) -> None:
    corrupt(connection, "turnover", "UPDATE {table} SET amount = amount + 1")
    assert audited(connection, catalogue, "totals", projection="turnover")[0].new == 1
    with tampering(connection):
        connection.execute("UPDATE acci.events SET data = data - 'amount' WHERE event_type = 'Deposited'")
    (not_made,) = audited(connection, catalogue, "totals", projection="turnover")
    assert "The check cannot be made" in not_made.found[0].problem
    assert not_made.resolved == 0
    assert {"total": "sum of amount"} in [each.place for each in findings(connection, "totals")]


def test_wrong_rows_stay_found_while_too_many_events_cannot_be_applied(
    connection: Connection, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    corrupt(connection, "accounts", "UPDATE {table} SET note = 'x'")
    before = rows_found(connection, catalogue, "accounts")
    with tampering(connection):
        connection.execute("UPDATE acci.events SET data = data - 'owner' WHERE event_type = 'AccountOpened'")
    monkeypatch.setattr(poison_events, "MOST", 2)
    (found,) = rows_found(connection, catalogue, "accounts").values()
    assert "could not apply more than 2 events" in found.problem
    assert found.severity is Severity.ERROR
    assert len(findings(connection, "rows")) == len(before) + 1


def test_a_key_must_fit(connection: Connection, catalogue: Catalogue) -> None:
    with pytest.raises(KeyDoesNotFit, match="one value for each of tenant_id, day"):
        audited(connection, catalogue, "rows", projection="turnover", extent=AuditScope(keys=(("t",),)))
    with pytest.raises(KeyDoesNotFit, match=r"day \(date\)"):
        audited(connection, catalogue, "rows", projection="turnover", extent=AuditScope(keys=(("t", "someday"),)))


def test_a_finding_is_open_until_an_audit_sees_it_resolved(connection: Connection, catalogue: Catalogue) -> None:
    tenant, account = some_account(connection)
    corrupt(connection, "accounts", "UPDATE {table} SET balance = balance + 1 WHERE id = %(id)s", id=account)
    (first,) = audited(connection, catalogue, "rows", projection="accounts")
    (again,) = audited(connection, catalogue, "rows", projection="accounts")
    assert (first.new, again.new) == (1, 0)
    (finding,) = findings(connection)
    assert finding.place == {"tenant_id": tenant, "id": account}
    assert finding.severity is Severity.ERROR
    assert finding.last_seen > finding.first_seen

    corrupt(connection, "accounts", "UPDATE {table} SET balance = balance - 1 WHERE id = %(id)s", id=account)
    elsewhere = AuditScope(tenant_id="tenant-9")
    assert audited(connection, catalogue, "rows", projection="accounts", extent=elsewhere)[0].resolved == 0
    assert audited(connection, catalogue, "rows", projection="accounts", extent=AuditScope(one_in=2))[0].resolved == 0
    (gone,) = audited(connection, catalogue, "rows", projection="accounts", extent=AuditScope(tenant_id=tenant))
    assert gone.resolved == 1
    assert findings(connection) == []
    (resolved,) = findings(connection, resolved=True)
    assert resolved.resolved_at is not None

    corrupt(connection, "accounts", "UPDATE {table} SET balance = balance + 1 WHERE id = %(id)s", id=account)
    assert audited(connection, catalogue, "rows", projection="accounts")[0].new == 1
    days = history(connection, 3)
    assert [counts[Severity.ERROR] for _, counts in days] == [0, 0, 1]


def test_rows_ahead_of_the_checkpoint_are_reported_as_such(connection: Connection, catalogue: Catalogue) -> None:
    append_in_bulk(connection, made_up(2, 50), PAYLOAD_LIMIT)
    batches.catch_up(connection, catalogue, catalogue.projection("turnover"))
    connection.execute(
        "UPDATE acci.generations SET checkpoint = %s WHERE state = 'live' AND projection = 'turnover'", (EVENTS,)
    )
    found = rows_found(connection, catalogue, "turnover")
    assert found
    assert all("agrees with events beyond the checkpoint" in each.problem for each in found.values())


def test_an_inapplicable_event_is_named_and_all_else_is_compared(connection: Connection, catalogue: Catalogue) -> None:
    tenant, account = some_account(connection)
    with tampering(connection):
        row = connection.execute(
            "UPDATE acci.events SET data = data - 'owner' WHERE aggregate_id = %s AND version = 1 RETURNING position",
            (account,),
        ).fetchone()
    position = row and row[0]
    corrupt(connection, "accounts", "UPDATE {table} SET note = 'x' WHERE id <> %(id)s", id=account)
    found = rows_found(connection, catalogue, "accounts")
    assert f"The AccountOpened at position {position} cannot be applied today" in found.pop(str(position)).problem
    assert f"{tenant}/{account}" not in found
    assert all("note" in each.details["columns"] for each in found.values())
    (by_key,) = rows_found(connection, catalogue, "accounts", AuditScope(keys=((tenant, account),))).values()
    assert "Its events cannot be applied today" in by_key.problem
    assert findings(connection, "rows")
    assert connection.execute("SELECT count(*) FROM acci.parked_keys").fetchone() == (0,), "an audit parks nothing"


def test_a_row_whose_parked_key_was_lost_is_not_left_out(connection: Connection, catalogue: Catalogue) -> None:
    """Its later events are applied without the dead letter; the wrong row must not be hidden by that."""
    tenant, account = some_account(connection)
    connection.execute(
        """INSERT INTO acci.events (timestamp, id, version, tenant_id, aggregate_type, aggregate_id, event_type, data,
                                    metadata)
           SELECT now(), gen_random_uuid(), version + 1, tenant_id, aggregate_type, aggregate_id, 'Deposited',
                  '{"amount": "much"}', metadata
           FROM acci.events WHERE aggregate_id = %s ORDER BY version DESC LIMIT 1""",
        (account,),
    )
    batches.catch_up(connection, catalogue, catalogue.projection("accounts"))
    assert rows_found(connection, catalogue, "accounts") == {}
    assert audited(connection, catalogue, "totals", projection="accounts")[0].found == ()
    connection.execute("DELETE FROM acci.parked_keys")

    assert (
        "Its events cannot be applied" in rows_found(connection, catalogue, "accounts")[f"{tenant}/{account}"].problem
    )
    (letters,) = audited(connection, catalogue, "dead_letters")
    assert [each.place["projection"] for each in letters.found] == ["accounts"]
    assert "none of its keys is parked" in letters.found[0].problem


class Deposits(Projection):
    """How often was paid in to each account, and how much to all of a tenant: a deposit affects two rows."""

    key = ("tenant_id", "id")

    @on(Deposited)
    def one(self, _: Event[Deposited]) -> Upsert:
        return Upsert(times=count())

    @on(Deposited)
    def everyone(self, event: Event[Deposited]) -> Upsert:
        return Upsert(id="everyone", amount=add(event.data.amount))


def test_a_row_is_compared_even_if_its_event_fails_on_another_row(
    connection: Connection, catalogue: Catalogue, tmp_path: Path
) -> None:
    (tmp_path / "read_models").mkdir()
    (tmp_path / "read_models" / "deposits.sql").write_text(
        "CREATE TABLE deposits (tenant_id text, id text, times int NOT NULL DEFAULT 0,"
        " amount numeric NOT NULL DEFAULT 0 CHECK (amount < 1000), PRIMARY KEY (tenant_id, id))"
    )
    more = Context(name="more", sql=tmp_path, events=(), projections=(Deposits,))
    wider = Catalogue((*catalogue.contexts, more))
    build.rebuild(connection, wider, Deposits)
    tried = dead_letters.retry(connection, wider, Deposits)
    assert tried.released > 0
    assert tried.parked > 0
    assert rows_found(connection, wider, "deposits") == {}
    assert audited(connection, wider, "totals", projection="deposits")[0].found == ()
    row = connection.execute(
        """SELECT key ->> 0, key ->> 1 FROM acci.dead_letters, jsonb_array_elements(keys) AS key
           WHERE key ->> 1 <> 'everyone'"""
    ).fetchone()
    assert row is not None
    corrupt(connection, "deposits", "UPDATE {table} SET times = times + 1 WHERE id = %(id)s", id=row[1])
    assert rows_found(connection, wider, "deposits").keys() == {"/".join(row)}
    (total,) = audited(connection, wider, "totals", projection="deposits")[0].found
    assert total.place == {"total": "sum of times"}
    connection.execute("DELETE FROM acci.parked_keys")
    found = rows_found(connection, wider, "deposits")
    assert "times" in found.pop("/".join(row)).problem
    assert len(found) == tried.parked
    assert all("Its events cannot be applied" in each.problem for each in found.values())


@pytest.mark.parametrize("changed", ["rules", "table"])
def test_rows_of_other_rules_or_an_altered_table_are_not_audited(
    connection: Connection, catalogue: Catalogue, changed: str
) -> None:
    corrupt(connection, "turnover", "UPDATE {table} SET amount = amount + 1")
    names = ("rows", "totals", "second_opinion")
    before = [each.found for each in audited(connection, catalogue, *names, projection="turnover")]
    assert all(before)
    if changed == "rules":
        connection.execute("UPDATE acci.generations SET fingerprint = 'other' WHERE projection = 'turnover'")
    else:
        corrupt(connection, "turnover", "UPDATE {table} SET amount = amount + 1")
        table = sql.Identifier(f"generation_{_live(connection, 'turnover')}", "turnover")
        connection.execute(sql.SQL("ALTER TABLE {} ADD COLUMN remark text").format(table))
    assert all(each.left_out for each in audited(connection, catalogue, *names, projection="turnover"))
    kept = findings(connection, projection="turnover")
    assert {each.check for each in kept} == {*names}
    with pytest.raises(RebuildNeeded if changed == "rules" else TableAltered):
        repair(connection, catalogue, "turnover")
    assert findings(connection, projection="turnover") == kept


def _live(connection: Connection, name: str) -> int:
    generation = generations.live(connection, name)
    assert generation is not None
    return generation.generation


def test_unknown_names_are_refused(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownName, match="no check named 'row'"):
        chosen(catalogue, ["row"], None)
    with pytest.raises(UnknownName, match="no projection named 'x'"):
        chosen(catalogue, [], "x")


def test_a_file_adds_a_check(connection: Connection, tmp_path: Path) -> None:
    context = bank.CONTEXT
    (tmp_path / "audits").mkdir()
    (tmp_path / "audits" / "rich.sql").write_text(
        "-- An owner is too rich.\n-- severity: warning\n-- projection: accounts\n-- place: id\n"
        "SELECT id, balance FROM accounts WHERE balance > 0;\n"
    )
    richer = Catalogue((context, _context_with(tmp_path)))
    (done,) = audited(connection, richer, "rich")
    assert done.projection == "accounts"
    assert {(found.severity, found.problem) for found in done.found} == {(Severity.WARNING, "An owner is too rich.")}
    assert all(float(found.details["balance"]) > 0 for found in done.found)


def test_a_check_file_may_declare_its_repair(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "audits").mkdir()
    (tmp_path / "audits" / "renamed.sql").write_text(
        "-- An owner has a false name.\n-- projection: accounts\n-- place: tenant_id, id\n-- repair: rows\n"
        "SELECT tenant_id, id FROM accounts WHERE owner = 'Nobody';\n"
    )
    with_check = Catalogue((bank.CONTEXT, _context_with(tmp_path)))
    tenant, account = some_account(connection)
    corrupt(connection, "accounts", "UPDATE {table} SET owner = 'Nobody' WHERE id = %(id)s", id=account)
    (before,) = audited(connection, with_check, "renamed")
    assert [dict(found.place) for found in before.found] == [{"tenant_id": tenant, "id": account}]

    (done,) = repair(connection, with_check, "accounts")

    assert (done.check, done.found, done.left) == ("renamed", 1, 0)
    assert rows_found(connection, with_check, "accounts") == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT 1", "begin it with a comment"),
        ("-- Wrong.\n-- severity: dire\n-- place: a\nSELECT 1 AS a", "its severity is one of"),
        ("-- Wrong.\n-- place: b\nSELECT 1 AS a", "gives no column 'b'"),
        ("-- Wrong.\n-- place: a\n-- repair: magic\nSELECT 1 AS a", "its repair is one of rows"),
        ("-- Wrong.\n-- place: a\n-- repair: rows\nSELECT 1 AS a", "say which one by `-- projection:`"),
        ("-- Wrong.\n-- place: id\n-- projection: accounts\n-- repair: rows\nSELECT 1", "the columns tenant_id, id"),
        ("-- Wrong.\n-- place: a\nSELECT nonsense", "PostgreSQL refuses it: column"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_way_out(
    connection: Connection, tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "audits").mkdir()
    (tmp_path / "audits" / "wrong.sql").write_text(text)
    with pytest.raises(DefinitionError, match=reason):
        audited(connection, Catalogue((bank.CONTEXT, _context_with(tmp_path))), "wrong")


def _context_with(sql: Path) -> Any:
    return type(bank.CONTEXT)(name="more", sql=sql, events=())
