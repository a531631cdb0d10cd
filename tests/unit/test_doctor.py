"""What `acci doctor` makes of figures that a test's server does not have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acci.store.monitoring.doctor import clock, connections
from acci.store.monitoring.doctor.diagnosis import Diagnosis, Verdict
from acci.store.monitoring.doctor.examination import OF_THE_SCHEMA, OF_THE_SERVER
from acci.store.monitoring.doctor.replication import MUCH, Standby, awaiting, following, of_slot, of_standby
from acci.store.monitoring.doctor.server import WANTED
from acci.store.settings import Settings
from tests.support.shell import acci

STREAMING = Standby("one", "streaming", "async", 0, 0.0)
HIDDEN = Standby("one", None, None, None, None)


@pytest.mark.parametrize(
    ("ahead", "unsure", "verdict"),
    [
        (0.0, 0.0, "well"),
        (0.9, 0.0, "well"),
        (-0.9, 0.0, "well"),
        (3.0, 2.5, "well"),
        (3.0, 0.1, "warning"),
        (-3.0, 0.1, "warning"),
        (-3600.0, 0.1, "wrong"),
    ],
)
def test_clocks_that_differ_by_more_than_the_question_took_are_found(ahead: float, unsure: float, verdict: str) -> None:
    found = clock.judged(ahead, unsure)
    assert found.verdict == verdict
    if verdict != "well":
        assert ("ahead of" if ahead > 0 else "behind") in found.said
        assert "NTP" in (found.remedy or "")


@given(st.integers(1, 500), st.integers(0, 500), st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_a_pool_is_well_exactly_if_it_fits(pool: int, server: int, database: int, login: int, used: int) -> None:
    limits = {"max_connections": server, "the database's limit": database, "the login's limit": login}
    found = connections.judged(pool, limits, used)
    assert (found.verdict is Verdict.WRONG) == (pool > min(limits.values()))
    assert (found.verdict is Verdict.WELL) == (pool <= min(limits.values()) and pool + used <= server)


def test_a_pool_that_does_not_fit_names_the_limit() -> None:
    limits = {"max_connections": 97, "the login's limit": 5}
    assert "raise the login's limit" in (connections.judged(10, limits, 3).remedy or "")
    assert "raise max_connections" in (connections.judged(10, {"max_connections": 97}, 90).remedy or "")


def test_standbys_are_judged_by_what_shows() -> None:
    assert following([STREAMING]).verdict is Verdict.WELL
    assert following([HIDDEN]).verdict is Verdict.WELL
    assert "pg_monitor" in following([HIDDEN]).said
    catching_up = Standby("two", "catchup", "async", 5, 1.0)
    for late in (Standby("two", "streaming", "async", 0, 600.0), Standby("two", "streaming", "sync", 2 * MUCH, None)):
        found = following([STREAMING, late, catching_up])
        assert found.verdict is Verdict.WARNING
        assert "two (streaming" in found.said
        assert "one" not in found.said
    assert "two (catchup" in following([STREAMING, catching_up]).said
    assert following([STREAMING, catching_up]).verdict is Verdict.WARNING


def test_commits_that_wait_for_nobody_are_found() -> None:
    assert awaiting("one", "replica", []).verdict is Verdict.WRONG
    assert awaiting("other", "replica", [STREAMING]).verdict is Verdict.WRONG
    assert awaiting("one", "replica", [HIDDEN]).verdict is Verdict.WELL
    assert awaiting("one", "replica", [Standby("one", "streaming", "quorum", 0, 0.0)]).verdict is Verdict.WELL


def test_a_standby_that_replays_nothing_is_told_from_one_that_follows() -> None:
    assert "replayed nothing for 10 min" in of_standby(600.0).said
    assert of_standby(None).said == of_standby(1.0).said


@pytest.mark.parametrize(
    ("active", "status", "held", "verdict"),
    [
        (True, "reserved", 5 * MUCH, None),
        (False, "reserved", MUCH // 2, None),
        (False, None, None, None),
        (False, "extended", 5 * MUCH, "warning"),
        (False, "unreserved", 5 * MUCH, "wrong"),
        (True, "lost", None, "wrong"),
    ],
)
def test_a_slot_that_keeps_or_lost_wal_is_found(
    active: bool, status: str | None, held: int | None, verdict: str | None
) -> None:
    found = of_slot("there", active, status, held, bounded=False)
    assert (found and found.verdict) == verdict
    if found:
        assert "pg_drop_replication_slot('there')" in (found.remedy or "")


def test_each_check_has_a_name_of_its_own() -> None:
    names = [name for name, _ in OF_THE_SERVER + OF_THE_SCHEMA]
    assert len(set(names)) == len(names)
    assert len({wanted.name for wanted in WANTED}) == len(WANTED)


def test_what_is_not_well_says_what_to_do() -> None:
    for wanted in WANTED:
        assert wanted.remedy.format(name=wanted.name, right=wanted.right, login="shop").startswith("ALTER ")
    assert Diagnosis("x", Verdict.WELL, "It is.").remedy is None


def test_without_a_database_the_rest_is_looked_at() -> None:
    done = acci("doctor", ACCI_HOME="/nowhere", ACCI_CONTEXTS="acci.domain.users")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["well", "well", "well", "wrong", "well"]
    assert "Start the one with `acci up`" in lines[3]
    assert "PREFECT_API_URL" in lines[4]
    assert Settings.from_environment({}).database_url is None


def test_contexts_that_cannot_be_loaded_are_a_line() -> None:
    done = acci("doctor", ACCI_HOME="/nowhere", ACCI_CONTEXTS="no_such_module")
    assert done.returncode == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["well", "well", "wrong", "wrong", "well"]
    assert "no_such_module" in done.stdout
    assert done.stderr == ""
