"""Health: problems are reported with what to do, and by the exit code."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from acci.store.auditing.statistics import Result, record
from acci.store.generations import generations
from acci.store.log.high_water import establish
from acci.store.monitoring.checks.check import Bounds, Check
from acci.store.monitoring.health import examine
from acci.store.postgres.database import connect
from acci.store.projecting.batches import catch_up
from acci.store.registry import load
from acci.store.settings import Settings
from tests.domains.bank.ledger import audited, corrupt, some_account
from tests.support.shell import acci

BANK = load(["tests.domains.bank"])


def look(url: str, **bounds: Any) -> dict[str, Check]:
    """The checks by name, of a bank within `bounds`."""
    settings = Settings.from_environment({"ACCI_DATABASE_URL": url})
    return {check.name: check for check in examine(settings, BANK, Bounds(**bounds)).checks}


def unhealthy(url: str, **bounds: Any) -> dict[str, str]:
    return {check.name: check.said for check in look(url, **bounds).values() if not check.healthy}


@contextmanager
def appending(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Within, a transaction has appended and does not end."""
    with connect(url, "forgotten") as holder, holder.transaction(force_rollback=True):
        holder.execute(APPEND)
        yield holder


APPEND = """
INSERT INTO acci.events
    ("timestamp", id, version, tenant_id, aggregate_type, aggregate_id, event_type, data, metadata)
VALUES (now(), gen_random_uuid(), 1, 't', 'Nothing', gen_random_uuid()::text, 'NothingHappened', '{}', '{}')"""


def test_a_bank_up_to_date_is_healthy(bank_url: str) -> None:
    assert unhealthy(bank_url) == {}
    assert {"database", "migrations", "mark", "dead letters", "last audit", "findings"} < set(look(bank_url))


@pytest.mark.parametrize("change", ["DISABLE TRIGGER", "ENABLE REPLICA TRIGGER", "ENABLE TRIGGER"])
def test_a_log_that_can_be_changed_is_found(bank_url: str, change: LiteralString) -> None:
    with connect(bank_url, "test") as connection:
        connection.execute(SQL("ALTER TABLE acci.events {} events_are_append_only").format(SQL(change)))
        found = unhealthy(bank_url)
        assert list(found) == ["append-only"]
        (way_out,) = re.findall(r"run: (ALTER .*?)\. Then", found["append-only"])
        connection.execute(SQL(way_out))
    assert unhealthy(bank_url) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP VIEW read.accounts", "run `acci run rebuild accounts`"),
        ("CREATE OR REPLACE VIEW read.accounts AS SELECT * FROM elsewhere", "run `acci run rebuild accounts`"),
        ("DROP TABLE {} CASCADE", "altered by hand"),
        ("ALTER TABLE {} ALTER owner SET DEFAULT 'nobody'", "altered by hand"),
    ],
)
def test_a_read_model_that_nobody_can_read_or_fill_is_found(bank_url: str, change: LiteralString, said: str) -> None:
    with connect(bank_url, "test") as connection:
        live = generations.live(connection, "accounts")
        assert live is not None
        table = Identifier(live.schema, "accounts")
        connection.execute(SQL("CREATE TABLE public.elsewhere AS SELECT * FROM {}").format(table))
        assert unhealthy(bank_url) == {}
        connection.execute(SQL(change).format(table))
    found = unhealthy(bank_url)
    assert list(found) == ["read model of accounts"]
    assert said in found["read model of accounts"]


def test_a_held_mark_is_reported_even_without_lag(bank_url: str) -> None:
    with appending(bank_url):
        assert unhealthy(bank_url) == {}
        found = unhealthy(bank_url, mark_seconds=0)
    assert list(found) == ["mark"]
    assert "forgotten" in found["mark"]
    assert "end that transaction" in found["mark"]
    assert unhealthy(bank_url, mark_seconds=0) == {}, "rolled back: the log holds nothing above the mark"


def test_a_mark_that_no_process_moves_is_reported_and_not_moved(bank_url: str) -> None:
    with connect(bank_url, "test") as connection:
        before = establish(connection).position
        connection.execute(APPEND)
        for _ in range(2):
            assert "nothing runs that moves it" in unhealthy(bank_url, mark_seconds=0)["mark"]
        row = connection.execute("SELECT position FROM acci.high_water").fetchone()
        assert row == (before,)
        establish(connection)
        assert "mark" not in unhealthy(bank_url, mark_seconds=0)


def test_a_mark_beyond_a_restored_log_is_found(bank_url: str) -> None:
    with connect(bank_url, "test") as connection:
        connection.execute("UPDATE acci.high_water SET position = position + 1000")
    assert "older backup" in unhealthy(bank_url)["mark"]


def test_lag_is_bounded_in_events_and_in_seconds(bank_url: str) -> None:
    with connect(bank_url, "test") as connection:
        connection.execute(APPEND)
        assert set(unhealthy(bank_url, lag_events=0)) == {f"lag of {n}" for n in BANK.projections}
        assert set(unhealthy(bank_url, lag_seconds=0)) == {f"lag of {n}" for n in BANK.projections}
        for projection in BANK.projections.values():
            catch_up(connection, BANK, projection)
    assert unhealthy(bank_url, lag_events=0, lag_seconds=0, mark_seconds=0) == {}


def test_a_read_model_that_is_not_kept_up_is_found(bank_url: str) -> None:
    with connect(bank_url, "test") as connection:
        connection.execute("UPDATE acci.generations SET fingerprint = 'older' WHERE projection = 'accounts'")
        connection.execute("UPDATE acci.generations SET state = 'dropped' WHERE projection = 'turnover'")
    found = unhealthy(bank_url)
    assert "`acci run rebuild accounts`" in found["lag of accounts"]
    assert "`acci run catch-up turnover`" in found["lag of turnover"]
    shown = acci("status", ACCI_DATABASE_URL=bank_url, ACCI_CONTEXTS="tests.domains.bank").stdout
    assert "accounts is not kept up to date (rebuild needed): run `acci run rebuild accounts`." in shown
    assert "turnover is not kept up to date (not built): run `acci run catch-up turnover`." in shown
    assert "statements is not" not in shown


def test_the_last_audits_age_and_findings_are_reported(bank_url: str) -> None:
    assert unhealthy(bank_url, audit_hours=0)["last audit"] == "There was no full audit yet: run `acci run audit`."
    assert look(bank_url)["last audit"].said == "There was no full audit yet: run `acci run audit`."
    with connect(bank_url, "test") as connection:
        record(connection, Result(1.0, True, 24, 20, 0, 0, 2, 0))
        record(connection, Result(1.0, False, 1, 1, 0, 7, 7, 7))
        assert "2 warnings" in look(bank_url)["last audit"].said, "an audit of a part is not the last audit"
        assert "one key in 24" in unhealthy(bank_url, audit_hours=0)["last audit"]
        _, account = some_account(connection)
        corrupt(connection, "accounts", "UPDATE {table} SET owner = 'Eve' WHERE id = %(id)s", id=account)
        audited(connection, BANK, "rows")
    assert "1 findings of severity error" in unhealthy(bank_url)["findings"]


def test_dead_letters_are_reported_with_their_read_model(bank_url: str) -> None:
    with connect(bank_url, "test") as connection:
        connection.execute(
            """INSERT INTO acci.dead_letters (generation, position, event_type, keys, error, payload)
            SELECT generation, 1, 'Opened', '[]', 'no', '{}' FROM acci.generations
            WHERE projection = 'accounts' AND state = 'live'"""
        )
    assert "1 of accounts" in unhealthy(bank_url)["dead letters"]
    assert unhealthy(bank_url, dead_letters=1) == {}


def test_silence_is_healthy_unless_bounded(bank_url: str) -> None:
    assert "recent events" not in look(bank_url)
    assert "no process appends" in unhealthy(bank_url, quiet_seconds=0)["recent events"]
    assert look(bank_url, quiet_seconds=86_400)["recent events"].healthy


@pytest.mark.parametrize("json_wanted", [False, True])
def test_the_exit_code_and_the_sentences(bank_url: str, json_wanted: bool) -> None:
    setting = {"ACCI_DATABASE_URL": bank_url, "ACCI_CONTEXTS": "tests.domains.bank"}
    flag = ["--json"] if json_wanted else []
    well = acci("health", *flag, **setting)
    assert well.returncode == 0, well.stdout
    quiet = acci("health", *flag, ACCI_QUIET_SECONDS="0", **setting)
    assert quiet.returncode == 1
    assert "no process appends" in quiet.stdout
    if json_wanted:
        assert json.loads(well.stdout)["healthy"] is True
        assert json.loads(quiet.stdout)["healthy"] is False


def test_a_database_that_cannot_be_used_is_a_check_like_others(empty_database_url: str) -> None:
    empty = acci("health", ACCI_DATABASE_URL=empty_database_url)
    assert empty.returncode == 1
    assert "acci migrate" in empty.stdout
    gone = acci("health", "--json", ACCI_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert gone.returncode == 3
    (check,) = json.loads(gone.stdout)["checks"]
    assert (check["kind"], check["healthy"]) == ("database", False)
