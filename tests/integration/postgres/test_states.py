"""Final states of runs: a run with a part undone is never green, and names that part."""

from typing import Any

import pytest
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger

from acci.domain.projections import Projection
from acci.flows import audit, catch_up, compact_snapshots, follow
from acci.store.aggregates.compaction import Compacted, Sizes
from acci.store.auditing.audit import ROWS, Audited, all_checks
from acci.store.auditing.audit import audit as make
from acci.store.auditing.findings import Severity
from acci.store.auditing.scope import AuditScope
from acci.store.postgres.database import Connection
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load
from tests.support.read_models import CONTEXTS

CATALOGUE: Catalogue = load(CONTEXTS)
SALES: type[Projection] = CATALOGUE.projection("daily_sales")


def told(state: State[Any]) -> tuple[bool, str | None, str]:
    return state.is_completed(), state.name, state.message or ""


def of(check: str, connection: Connection, extent: AuditScope | None = None) -> Audited:
    projection = SALES.name if check in (ROWS, "totals") else None
    return make(connection, CATALOGUE, all_checks(CATALOGUE)[check], projection, extent or AuditScope())


def test_an_audit_that_could_make_no_check_is_not_green(connection: Connection) -> None:
    assert told(audit.verdict([of(ROWS, connection)], Severity.ERROR)) == (
        False,
        "NotMade",
        "No check could be made. daily_sales has never been built.",
    )
    assert told(audit.verdict([], Severity.ERROR))[:2] == (False, "NotMade")


def test_an_audit_that_could_not_make_every_check_is_not_green(connection: Connection) -> None:
    done = [of("stream_versions", connection), of(ROWS, connection)]
    assert told(audit.verdict(done, Severity.ERROR)) == (
        False,
        "Incomplete",
        "1 checks made, nothing wrong; but not made: rows of daily_sales. daily_sales has never been built.",
    )


def test_a_check_that_does_not_fit_what_was_asked_is_not_missed(connection: Connection) -> None:
    build.rebuild(connection, CATALOGUE, SALES)
    some = AuditScope(keys=(("acme", "2026-01-01"),))
    done = [of(ROWS, connection, some), of("totals", connection, some)]
    is_green, name, message = told(audit.verdict(done, Severity.ERROR))
    assert (is_green, name) == (True, "Completed"), message
    assert "1 do not fit what was asked" in message


def test_following_what_cannot_be_followed_is_not_green(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCI_DATABASE_URL", database_url)
    monkeypatch.setenv("ACCI_CONTEXTS", "tests.domains.orders")
    with disable_run_logger():
        is_green, name, message = told(follow.follow.fn("daily_sales", 1, 0.1))
    assert (is_green, name) == (False, "Incomplete")
    assert "daily_sales has never been built" in message


def test_a_stream_that_cannot_be_folded_is_not_green() -> None:
    done = Compacted("Account", 3, 2, 0, 1, Sizes(0, 0, 0), Sizes(2, 2, 20))
    is_green, name, message = told(compact_snapshots.ended([done]))
    assert (is_green, name) == (False, "Incomplete")
    assert message.startswith("1 streams could not be folded")


def test_work_of_another_runner_is_not_reported_as_done() -> None:
    other = catch_up.Outcome("user_view", catch_up.ELSEWHERE, 0, 0, 0, 0, 0, 0, 0.0)
    assert told(catch_up.ended([other])) == (True, "LeftToAnother", "Another runner is at user_view.")
    moved = catch_up.Outcome("notes", "caught up", 4, 9, 5, 1, 0, 0, 0.1)
    assert told(catch_up.ended([moved, other]))[2].endswith("Another runner is at user_view.")


def test_keys_behind_dead_letters_are_reported_without_new_events() -> None:
    same = catch_up.Outcome("notes", "nothing to do", 9, 9, 0, 0, 0, 3, 0.1)
    is_green, name, message = told(catch_up.ended([same]))
    assert (is_green, name) == (True, "NothingToDo")
    assert message.endswith("Keys that wait behind dead letters: 3 of notes; see `acci dead-letters list`.")
