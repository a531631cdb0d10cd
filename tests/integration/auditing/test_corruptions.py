"""Every corruption is found and its place named; a repair mends what can be derived, and never an event.

Healthy histories raise no alarm, in every way of applying them and with other runs beside the audit. With
ACCI_TEST_HISTORIES=1000 as many are tried.
"""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from acci.store.aggregates.compaction import compact
from acci.store.auditing.audit import Audited
from acci.store.auditing.findings import Severity, findings
from acci.store.auditing.repair import repair
from acci.store.auditing.scope import AuditScope
from acci.store.log import seals
from acci.store.log.bulk import append_in_bulk
from acci.store.log.payloads import PAYLOAD_LIMIT
from acci.store.postgres.database import Connection, connect
from acci.store.projecting import batches
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load
from tests.domains.bank.account import Account
from tests.domains.bank.histories import history
from tests.domains.bank.ledger import audited
from tests.support.corruptions import Corruption, everything
from tests.support.servers import SharedServer

HISTORIES = int(os.environ.get("ACCI_TEST_HISTORIES", "16"))
A_DATABASE = 20  # histories, one upon the other
pytestmark = pytest.mark.bank


@pytest.fixture(scope="session")
def proven_template(server: SharedServer, bank_template: str) -> Iterator[str]:
    """The bank with snapshots, seals, and a hole in its positions."""
    with server.database(template=bank_template) as url:
        with connect(url, "test") as connection:
            compact(connection, load(["tests.domains.bank"]), Account)
            connection.execute("SELECT nextval('acci.events_position_seq')")
            append_in_bulk(connection, history(3, 1), PAYLOAD_LIMIT)
            for projection in load(["tests.domains.bank"]).projections.values():
                batches.catch_up(connection, load(["tests.domains.bank"]), projection)
            seals.seal(connection, 100)
        yield url.rpartition("/")[2]


@pytest.fixture
def proven(server: SharedServer, proven_template: str) -> Iterator[Connection]:
    with server.database(template=proven_template) as url, connect(url, "test") as connection:
        yield connection


def wrong(done: list[Audited]) -> list[str]:
    return [f"{each.check} of {each.projection}: {found.problem}" for each in done for found in each.found]


def digest(connection: Connection) -> object:
    return connection.execute("SELECT md5(string_agg(e::text, '' ORDER BY position)) FROM acci.events AS e").fetchone()


def test_there_are_many_corruptions() -> None:
    assert len(everything()) >= 25
    assert len({each.name for each in everything()}) == len(everything())


def test_the_bank_is_sound_before(proven: Connection, catalogue: Catalogue) -> None:
    assert wrong(audited(proven, catalogue)) == []


@pytest.mark.parametrize("corruption", everything(), ids=lambda each: each.name)
def test_a_corruption_is_found_and_repaired(proven: Connection, catalogue: Catalogue, corruption: Corruption) -> None:
    expected = corruption.inject(proven)
    done = audited(proven, catalogue)
    places = [each.place for one in done if (one.check, one.projection) == (expected.check, expected.projection)
              for each in one.found]  # fmt: skip
    assert any(expected.place.items() <= place.items() for place in places), wrong(done)
    assert any(each.check == expected.check for each in findings(proven)), "it is kept"

    before = digest(proven)
    repaired = repair(proven, catalogue)
    assert digest(proven) == before, "a repair changes no event"
    again = audited(proven, catalogue)
    if corruption.repairable:
        assert repaired
        assert wrong(again) == []
        assert findings(proven) == []
    else:
        assert any(each.check == expected.check and each.found for each in again), "what cannot be derived stays found"


def test_a_wrong_snapshot_is_reported_with_what_to_do(proven: Connection, catalogue: Catalogue) -> None:
    next(each for each in everything() if each.name == "snapshot_edited").inject(proven)
    (said,) = wrong(audited(proven, catalogue, "snapshots"))
    assert "differs from its stream's events in balance. Raise the aggregate's state_version if its @evolves" in said
    assert said.endswith("or re-derive it with `acci run repair`.")


def grow(connection: Connection, catalogue: Catalogue, random: Random, seed: int) -> None:
    """Append a history, and bring the read models forward in one of the ways there are, if at all."""
    append_in_bulk(connection, history(seed, random.randrange(1, 120), random.randrange(1, 6)), PAYLOAD_LIMIT)
    for projection in catalogue.projections.values():
        way = random.random()
        if way < 0.2:
            build.rebuild(connection, catalogue, projection)
        elif way < 0.9:
            batches.catch_up(connection, catalogue, projection, random.choice((1, 7, 50, 1000)))
    if random.random() < 0.4:
        compact(connection, catalogue, Account, random.randrange(1, 3))
    if random.random() < 0.4:
        seals.seal(connection, random.randrange(10, 200))


def some_extent(random: Random) -> AuditScope:
    tenant = f"tenant-{random.randrange(6)}" if random.random() < 0.3 else None
    one_in = random.choice((1, 1, 2, 5))
    since = datetime.now(UTC) - timedelta(minutes=random.randrange(3)) if random.random() < 0.2 else None
    return AuditScope(tenant, (), since, one_in, random.randrange(one_in))


@pytest.mark.parametrize("first", range(0, HISTORIES, A_DATABASE))
@pytest.mark.timeout(1200)
def test_healthy_histories_raise_no_alarm(bank_url: str, catalogue: Catalogue, first: int) -> None:
    with connect(bank_url, "test") as connection:
        for seed in range(first, min(first + A_DATABASE, HISTORIES)):
            random = Random(seed)
            grow(connection, catalogue, random, 1000 + seed)
            extent = some_extent(random)
            assert wrong(audited(connection, catalogue, extent=extent)) == [], (seed, str(extent))
        assert findings(connection, resolved=True) == []


def test_an_audit_beside_writers_and_runners_raises_no_alarm(bank_url: str, catalogue: Catalogue) -> None:
    ended = threading.Event()

    def work() -> None:
        with connect(bank_url, "test") as other:
            for seed in range(10_000):
                if ended.is_set():
                    return
                append_in_bulk(other, history(5000 + seed, 30), PAYLOAD_LIMIT)
                for projection in catalogue.projections.values():
                    batches.catch_up(other, catalogue, projection, 10)
                compact(other, catalogue, Account)
                seals.seal(other, 25)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        with connect(bank_url, "test") as connection:
            for _ in range(4):
                done = audited(connection, catalogue)
                bad = [each for each in done if (each.worst() or Severity.INFO) is Severity.ERROR]
                assert wrong(bad) == []
    finally:
        ended.set()
        worker.join()
