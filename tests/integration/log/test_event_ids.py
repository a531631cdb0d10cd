"""Event ids: no two events of one append, import or bulk append have the same, nor one that is in the log."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from acci.domain.errors import ConcurrencyError
from acci.domain.events import Event, EventData
from acci.store.auditing.schema import differences
from acci.store.importing.importer import Imported, Importer
from acci.store.importing.mapping import load_mapping
from acci.store.importing.problems import BadLines
from acci.store.log.append import Append
from acci.store.log.append_errors import EventIdTaken, MisplacedEvent
from acci.store.log.bulk import BulkRefused
from acci.store.log.event_ids import FEW, DuplicateIds, make_unique
from acci.store.log.event_store import EventStore
from acci.store.log.idempotency import CommandReused
from acci.store.postgres.database import Database, connect
from acci.store.registry import Catalogue
from tests.domains.ledger import CONTEXT, Paid, event, stream
from tests.support.shell import acci

CATALOGUE = Catalogue((CONTEXT,))
MAPPING = """
tenant_id = {constant = "acme"}
aggregate_type = {constant = "Account"}
event_type = {constant = "Paid"}
aggregate_id = "account"
id = "id"
timestamp = "at"
[data.Paid]
amount = "amount"
"""


@pytest.fixture
def store(database_url: str) -> Iterator[EventStore]:
    with Database(database_url, size=4, role="append") as database:
        yield EventStore(database, CATALOGUE)


@pytest.fixture
def owner(database_url: str) -> Iterator[EventStore]:
    with Database(database_url, size=4) as database:
        yield EventStore(database, CATALOGUE)


def paid(version: int, account: str = "a", event_id: UUID | None = None) -> Event[EventData]:
    made = event(Paid(amount=Decimal(version)), version, account)
    return made if event_id is None else replace(made, id=event_id)


def test_one_append_takes_no_id_twice(store: EventStore) -> None:
    one = uuid4()
    with pytest.raises(MisplacedEvent, match="that of another event given with it"):
        store.append(stream("a"), 0, [paid(1, event_id=one), paid(2, event_id=one)])
    with pytest.raises(MisplacedEvent, match=str(one)):
        store.commit(
            [Append(stream("a"), 0, [paid(1, event_id=one)]), Append(stream("b"), 0, [paid(1, "b", event_id=one)])]
        )
    assert not store.exists(stream("a"))
    assert not store.exists(stream("b"))


@pytest.mark.parametrize("more", [0, FEW + 5])
def test_a_bulk_append_takes_no_id_that_is_in_the_log_or_twice_among_its_own(owner: EventStore, more: int) -> None:
    (known,) = owner.append(stream("a"), 0, [paid(1)])
    others = [paid(version, "c") for version in range(1, more + 1)]
    for events in ([paid(1, "b", known.id)], [paid(1, "b", one := uuid4()), paid(2, "b", one)]):
        with pytest.raises(BulkRefused, match="is in the log already, or twice among these"):
            owner.append_in_bulk([*others, *events])
    assert len(list(owner.read_all())) == 1
    assert owner.append_in_bulk([*others, paid(1, "b")]).events == more + 1


def test_of_two_bulk_appends_at_once_one_is_stored(owner: EventStore) -> None:
    ids = [uuid4() for _ in range(2 * FEW)]

    def attempt(account: str) -> bool:
        try:
            owner.append_in_bulk(paid(version, account, each) for version, each in enumerate(ids, 1))
        except BulkRefused:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, "abcd")) == 1


def imported(
    folder: Path, url: str, rows: list[tuple[UUID, str, str, int]], *, parts: bool = False, skip: bool = False
) -> Imported:
    file = folder / f"{uuid4()}.csv"
    lines = [f"{each_id},{account},{at},{amount}\n" for each_id, account, at, amount in rows]
    file.write_text("id,account,at,amount\n" + "".join(lines))
    (folder / "mapping.toml").write_text(MAPPING)
    importer = Importer(url, CATALOGUE, load_mapping(folder / "mapping.toml", CATALOGUE), skip_known=skip)
    checked = importer.check(file, lambda *_: None)
    done = importer.import_in_parts(file, lambda *_: None, 3) if parts else importer.import_whole(file, lambda *_: None)
    assert (checked.events, checked.known_events) == (done.new_events, done.known_events)
    return done


def rows(count: int, account: str = "a") -> list[tuple[UUID, str, str, int]]:
    return [(UUID(int=n), account, f"2026-01-01T00:00:{n % 60:02}Z", n) for n in range(1, count + 1)]


@pytest.mark.parametrize("count", [4, FEW + 10])
@pytest.mark.parametrize("parts", [False, True])
def test_an_overlapping_export_adds_no_duplicates(database_url: str, tmp_path: Path, parts: bool, count: int) -> None:
    assert imported(tmp_path, database_url, rows(count), parts=parts).new_events == count
    if parts:
        told = imported(tmp_path, database_url, rows(count + 1), parts=True)
        assert (told.new_events, told.bad_lines) == (1, count)
        assert "is in the log already, at position 1; --skip-known passes such lines over" in str(told.rejected[0])
    else:
        with pytest.raises(BadLines, match="is in the log already, at position 1; --skip-known") as refused:
            imported(tmp_path, database_url, rows(count + 1))
        assert refused.value.count == count
    done = imported(tmp_path, database_url, rows(count + 2), parts=parts, skip=True)
    assert (done.new_events, done.known_events, done.bad_lines) == (1 + (not parts), count + parts, 0)
    with connect(database_url, "look") as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT id) FROM acci.events").fetchone() == (count + 2,) * 2


def test_a_known_id_with_another_event_is_never_skipped(database_url: str, tmp_path: Path) -> None:
    imported(tmp_path, database_url, rows(2))
    (one, account, at, amount), *_ = rows(1)
    for other in ((one, "b", at, amount), (one, account, "2026-02-01T00:00:00Z", amount), (one, account, at, 9)):
        with pytest.raises(BadLines, match="and that is another event, or it says something else"):
            imported(tmp_path, database_url, [other], skip=True)


def test_an_id_twice_in_a_file(database_url: str, tmp_path: Path) -> None:
    one = rows(1)[0]
    with pytest.raises(BadLines, match=r"line 3: its id .* is that of line 2 too; --skip-known"):
        imported(tmp_path, database_url, [one, one])
    with pytest.raises(BadLines, match="is that of line 2 too, and that is another event"):
        imported(tmp_path, database_url, [one, (*one[:3], 5)], skip=True)
    done = imported(tmp_path, database_url, [one, one], skip=True)
    assert (done.new_events, done.known_events) == (1, 1)


def test_the_command_line_reports_known_ids(database_url: str, tmp_path: Path) -> None:
    place = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.ledger"}
    imported(tmp_path, database_url, rows(2))
    (tmp_path / "more.csv").write_text(
        "id,account,at,amount\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows(3))
    )
    asked = ["import", str(tmp_path / "more.csv"), "--mapping", str(tmp_path / "mapping.toml")]
    dry = acci(*asked, "--dry-run", **place)
    assert "1 lines would become events, 2 are bad." in dry.stdout
    assert "line 2: its id 00000000-0000-0000-0000-000000000001 is in the log already" in dry.stderr.replace("\n", " ")
    assert acci(*asked, **place).returncode == 1
    done = acci(*asked, "--skip-known", **place)
    assert done.stdout.replace("\n", " ").strip().endswith("1 events stored. 2 events were in the log already.")


def test_an_idempotency_key_stores_once(store: EventStore) -> None:
    key = uuid4()
    first = store.append(stream("a"), 0, [paid(1), paid(2)], key)
    again = store.append(stream("a"), 0, [paid(1), paid(2)], key)
    later = store.append(stream("a"), 2, [replace(paid(1), version=3), replace(paid(2), version=4)], key)
    assert first == again == later
    assert store.version(stream("a")) == 2
    assert {each.metadata.causation_id for each in first} == {str(key)}
    caused = replace(paid(3), metadata=paid(3).metadata._replace(causation_id="another"))
    with pytest.raises(MisplacedEvent, match="its causation_id is another"):
        store.append(stream("a"), 2, [caused], key)
    with pytest.raises(CommandReused):
        store.append(stream("a"), 2, [paid(3)], key)
    with pytest.raises(ConcurrencyError):
        store.append(stream("a"), 1, [paid(2)], uuid4())


def test_concurrent_appends_with_one_idempotency_key_store_once(store: EventStore) -> None:
    key = uuid4()
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: store.append(stream("a"), 0, [paid(1)], key), range(8)))
    assert len(set(results)) == 1
    assert store.version(stream("a")) == 1


def test_a_unique_index_on_event_ids_can_be_switched_on(database_url: str, store: EventStore) -> None:
    place = {"ACCI_DATABASE_URL": database_url, "ACCI_CONTEXTS": "tests.domains.ledger"}
    (known,) = store.append(stream("a"), 0, [paid(1)])
    told = acci("migrate", ACCI_UNIQUE_EVENT_IDS="yes", **place)
    assert told.stdout.strip() == "event ids are unique"
    assert acci("migrate", ACCI_UNIQUE_EVENT_IDS="yes", **place).stdout.strip() == "The schema is up to date."
    with connect(database_url, "look") as connection:
        assert list(differences(connection)) == []
    for again in ([paid(1, "b", known.id)], [paid(1, "b"), paid(2, "b", known.id)]):
        with pytest.raises(EventIdTaken):
            store.append(stream("b"), 0, again)
    assert store.version(stream("b")) == 0
    assert acci("migrate", ACCI_UNIQUE_EVENT_IDS="no", **place).stdout.strip() == "event ids are no longer unique"
    store.append(stream("b"), 0, [paid(1, "b", known.id)])
    with pytest.raises(DuplicateIds, match=str(known.id)):
        make_unique(database_url, True)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass('acci.events_id_key')").fetchone() == (None,)
    refused = acci("migrate", ACCI_UNIQUE_EVENT_IDS="perhaps", **place).stderr
    assert "is 'perhaps': give it yes or no" in refused
