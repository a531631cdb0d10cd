"""Which rules are newer is kept in the database: a program that was not upgraded does not undo newer rules."""

import threading
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from acci.domain.projections import Projection
from acci.domain.users import CONTEXT
from acci.store.generations import generations
from acci.store.generations.fingerprints import RebuildNeeded, define
from acci.store.generations.rule_order import OlderRules
from acci.store.postgres.database import Connection
from acci.store.projecting.batches import catch_up
from acci.store.projecting.following import follow
from acci.store.rebuilding import build
from acci.store.rebuilding.rollback import roll_back
from acci.store.rebuilding.staleness import stale
from acci.store.registry import Catalogue
from tests.support.histories import append_users, value
from tests.support.prefect_server import wait_for
from tests.support.read_models import changed_users, live, rows_of, wrong_rows

Program = tuple[Catalogue, type[Projection]]


@pytest.fixture
def old() -> Program:
    catalogue = Catalogue((CONTEXT,))
    return catalogue, catalogue.projection("user_view")


@pytest.fixture
def new(connection: Connection, old: Program) -> Program:
    """The program that was upgraded; its rules are live."""
    catalogue = Catalogue((replace(CONTEXT, projections=(changed_users(),)),))
    append_users(connection, 20)
    build.rebuild(connection, *old)
    build.rebuild(connection, catalogue, catalogue.projection("user_view"))
    return catalogue, catalogue.projection("user_view")


def test_an_older_program_is_refused_and_nothing_changes(connection: Connection, old: Program, new: Program) -> None:
    before = rows_of(connection, new[1])
    assert "the live rows were made by newer rules than this program has" in stale(connection, old[0])["user_view"]
    for fresh in (False, True):
        with pytest.raises(OlderRules, match="Upgrade the program that runs here"):
            build.rebuild(connection, *old, build.RebuildOptions(fresh=fresh))
    with pytest.raises(RebuildNeeded):
        catch_up(connection, *old)
    assert rows_of(connection, new[1]) == before
    assert generations.building(connection, "user_view") is None
    build.rebuild(connection, *new)
    assert stale(connection, new[0]) == {}


def test_allowed_older_rules_become_the_newest(connection: Connection, old: Program, new: Program) -> None:
    build.rebuild(connection, *old, build.RebuildOptions(allow_older_rules=True))
    assert wrong_rows(connection, old[1]) == 0
    build.rebuild(connection, *old)
    with pytest.raises(OlderRules):
        build.rebuild(connection, *new)


def test_a_program_without_rule_order_is_refused_by_the_database(
    connection: Connection, old: Program, new: Program
) -> None:
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="live by newer rules"):
        generations.begin(connection, *old)


def test_a_rollback_may_use_older_rules(connection: Connection, old: Program, new: Program) -> None:
    roll_back(connection, *old)
    assert wrong_rows(connection, old[1]) == 0
    assert live(connection, old[1]).generation == 1
    build.rebuild(connection, *new)
    roll_back(connection, *new, wanted=1, as_it_was=True)
    assert live(connection, old[1]).generation == 1


def test_rules_never_seen_before_are_newer(connection: Connection, old: Program, new: Program) -> None:
    connection.execute("DELETE FROM acci.rules WHERE fingerprint = %s", (define(*old).fingerprint,))
    build.rebuild(connection, *old)
    assert wrong_rows(connection, old[1]) == 0


def test_workers_that_are_upgraded_one_after_another_never_mix_rules(
    connection: Connection, database_url: str, old: Program
) -> None:
    """The older one follows on until the newer one has published its rules; then it is refused, and says so."""
    upgraded = Catalogue((replace(CONTEXT, projections=(changed_users(),)),))
    new = upgraded.projection("user_view")
    append_users(connection, 20)
    build.rebuild(connection, *old)
    stop, said = threading.Event(), list[str]()

    def work(catalogue: Catalogue, say: Callable[[str, str], None]) -> threading.Thread:
        words = (database_url, catalogue, ["user_view"], 0.02, stop.is_set, say)
        return threading.Thread(target=follow, args=words)

    workers = [work(old[0], lambda _, text: said.append(text)), work(upgraded, lambda *_: None)]
    workers[0].start()
    try:
        append_users(connection, 20, 21)
        wait_for(lambda: wrong_rows(connection, old[1]) == 0, 30, "the older one follows")
        build.rebuild(connection, upgraded, new)
        workers[1].start()
        append_users(connection, 20, 41)
        end = value(connection, "SELECT max(position) FROM acci.events")
        wait_for(lambda: live(connection, new).checkpoint >= end, 30, "the newer one follows")
        wait_for(lambda: said, 30, "the older one says that it is refused")
    finally:
        stop.set()
        for each in workers:
            if each.ident is not None:
                each.join()
    assert {row[2] for row in connection.execute("SELECT tenant_id, id, email FROM read.user_view")} == {"hidden"}
    assert "acci run rebuild user_view" in said[0]
