"""A decision counts on the state that it was made on, and on no other."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData
from acci.domain.contexts import Context
from acci.domain.errors import InvalidCommand, Refused
from acci.domain.events import Event, EventData, StreamId
from acci.store.aggregates.repository import Repository
from acci.store.commands.handler import CommandHandler
from acci.store.log.append_errors import StreamChanged
from acci.store.log.event_store import EventStore
from acci.store.log.payloads import PayloadTooLarge
from acci.store.postgres.database import Database
from acci.store.registry import Catalogue
from acci.store.values.storable import Unstorable
from tests.domains.ledger import TENANT, command


class Written(EventData):
    text: str


class Copied(EventData):
    texts: tuple[str, ...]


class Torn(EventData):
    pass


class DiaryCommand(CommandData):
    aggregate_id_field: ClassVar[str] = "diary"

    diary: str


class Write(DiaryCommand):
    text: str


class Copy(DiaryCommand):
    pass


class Tear(DiaryCommand):
    pass


class NeedWhole(DiaryCommand):
    """Leads to nothing, if the diary is whole."""


class Anything(DiaryCommand):
    value: Any = None


class Diary(Aggregate):
    """Needs no command to begin it; knows on which days it was written in."""

    snapshot_every: ClassVar[int | None] = 2

    days: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    torn: bool = False

    @decides(Write)
    def write(self, command: Command[Write]) -> Written:
        return Written(text=command.data.text)

    @decides(Copy)
    def copy_all(self, _command: Command[Copy]) -> Copied:
        return Copied(texts=self.texts)

    @decides(Tear)
    def tear(self, _command: Command[Tear]) -> Torn:
        return Torn()

    @decides(Anything)
    def anything(self, _command: Command[Anything]) -> None:
        """Leads to nothing."""

    @decides(NeedWhole)
    def need_whole(self, _command: Command[NeedWhole]) -> None:
        if self.torn:
            raise Refused("it is torn.")

    @evolves(Written)
    def written(self, event: Event[Written]) -> Self:
        days = (*self.days, event.timestamp.date().isoformat())
        return self.changed(days=days, texts=(*self.texts, event.data.text))

    @evolves(Torn)
    def was_torn(self, _event: Event[Torn]) -> Self:
        return self.changed(torn=True)


CATALOGUE = Catalogue((Context("diaries", Path(__file__), aggregates=(Diary,), events=(Written, Copied, Torn)),))


def diary(name: str, tenant_id: str = TENANT) -> StreamId:
    return StreamId(tenant_id, "Diary", name)


class Pausing(EventStore):
    """Does something before it commits, once in each thread."""

    def __init__(self, database: Database, before: Callable[[], object]) -> None:
        super().__init__(database, CATALOGUE)
        self._before = before
        self._done = threading.local()

    def commit(self, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(self._done, "yes"):
            self._done.yes = True
            self._before()
        return super().commit(*args, **kwargs)


@pytest.fixture
def store(database: Database) -> EventStore:
    return EventStore(database, CATALOGUE)


def test_a_cached_state_equals_the_loaded_one(store: EventStore) -> None:
    """An event's timestamp is in UTC for every sender: otherwise the first of May would be April's last day."""
    handler = CommandHandler(store, CATALOGUE)
    early = datetime(2026, 5, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    for text in "abc":
        (recorded,) = handler.handle(command(Write(diary="a", text=text), timestamp=early))
        assert recorded.timestamp == early
    loaded = Repository(store).load(Diary, diary("a"))
    assert (loaded.snapshot_version, loaded.state.days) == (2, ("2026-04-30",) * 3)


def test_a_timestamp_that_could_not_be_read_back_is_refused(store: EventStore) -> None:
    handler = CommandHandler(store, CATALOGUE)
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        with pytest.raises(InvalidCommand, match=r"metadata\.timestamp: is not within the years 1 to 9999 in UTC"):
            handler.handle(command(Write(diary="a", text="x"), timestamp=datetime.fromisoformat(moment)))
    for extreme in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        handler.handle(command(Write(diary="a", text="x"), timestamp=extreme))
    assert Repository(store).load(Diary, diary("a")).version == 2


def test_a_repeated_command_returns_its_result_even_if_now_too_large(database: Database) -> None:
    """A cached state proves nothing, also if the decision on it could not be stored."""
    handler = CommandHandler(EventStore(database, CATALOGUE, payload_limit=1000), CATALOGUE)
    handler.handle(command(Write(diary="a", text="short")))
    copy = command(Copy(diary="a"))
    copied = handler.handle(copy)
    for _ in range(2):
        handler.handle(command(Write(diary="a", text="x" * 600)))
    assert handler.handle(copy) == copied
    with pytest.raises(PayloadTooLarge):
        handler.handle(command(Copy(diary="a")))


def test_a_stream_whose_command_led_to_nothing_must_be_unchanged(database: Database, store: EventStore) -> None:
    """Each tears its own diary and requires that the other is whole: in any order, the second must fail."""
    gate = threading.Barrier(2, timeout=30)
    handler = CommandHandler(Pausing(database, gate.wait), CATALOGUE)

    def tear(own: str, other: str) -> str:
        try:
            handler.handle_together([command(NeedWhole(diary=other)), command(Tear(diary=own))])
        except Refused:
            return "refused"
        return "torn"

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(tear, "ab", "ba")) == ["refused", "torn"]
    assert store.version(diary("a")) + store.version(diary("b")) == 1


def test_a_command_handled_meanwhile_returns_its_first_result(database: Database, store: EventStore) -> None:
    sent, unchanged = command(Write(diary="a", text="x")), {diary("b"): 0}
    other = CommandHandler(store, CATALOGUE)

    def meanwhile() -> None:
        other.handle_together([sent], unchanged)
        other.handle(command(Tear(diary="b")))

    result = CommandHandler(Pausing(database, meanwhile), CATALOGUE).handle_together([sent], unchanged)
    assert result == other.handle_together([sent], unchanged)
    assert store.version(diary("a")) == 1


def test_an_impossible_version_is_a_conflict(store: EventStore) -> None:
    handler = CommandHandler(store, CATALOGUE)
    for number in (2**31, 2**40, -(2**40)):
        with pytest.raises(StreamChanged) as changed:
            handler.handle_together([command(Write(diary="a", text="x"))], {diary("b"): number})
        assert changed.value.args == ("b", number, 0)
    for name in ("\0", "\ud800", ""):
        with pytest.raises(Unstorable, match="The stream cannot be stored: aggregate_id"):
            handler.handle_together([command(Write(diary="a", text="x"))], {diary(name): 0})
    assert store.version(diary("a")) == 0


def test_commands_of_two_tenants_are_not_handled_together(store: EventStore) -> None:
    handler = CommandHandler(store, CATALOGUE)
    both = [command(Write(diary="a", text="x"), tenant_id=tenant) for tenant in ("acme", "other")]
    with pytest.raises(InvalidCommand, match=r"Write is not valid: metadata\.tenant_id: is not that of the commands"):
        handler.handle_together(both)
    assert list(store.read_all()) == []


def test_without_commands_only_unchanged_streams_are_checked(store: EventStore) -> None:
    handler = CommandHandler(store, CATALOGUE)
    handler.handle(command(Write(diary="a", text="x")))
    assert handler.handle_together([], {diary("a"): 1}) == ()
    with pytest.raises(StreamChanged):
        handler.handle_together([], {diary("a"): 2})


def test_a_value_without_canonical_form_is_refused_by_its_field(store: EventStore) -> None:
    handler = CommandHandler(store, CATALOGUE)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    endless: list[Any] = []
    endless.append(endless)
    for value in (deep, endless, (letter for letter in "ab")):
        with pytest.raises(InvalidCommand, match="Anything is not valid: data"):
            handler.handle(command(Anything(diary="a", value=value)))
    for key, wrong in (("\0", "a NUL character"), ("\ud800", "half a surrogate pair")):
        with pytest.raises(InvalidCommand, match=f"Anything is not valid: a key in value.0: holds {wrong}"):
            handler.handle(command(Anything(diary="a", value=[{key: 1}])))
    sent = command(Write(diary="a", text="x"), correlation_id="\ud800")
    with pytest.raises(InvalidCommand, match=r"metadata\.correlation_id: holds half a surrogate pair"):
        handler.handle(sent)
    with pytest.raises(InvalidCommand, match=r"metadata\.user_id: is 501 bytes long; the limit is 500"):
        handler.handle(command(Write(diary="a", text="x"), user_id="x" * 501))
    assert len(handler.handle(command(Write(diary="a", text="x"), user_id="é" * 250))) == 1
    for wrong_id in ("nope", None):
        with pytest.raises(InvalidCommand, match="Write is not valid: id: is no UUID"):
            handler.handle(replace(sent, id=wrong_id, metadata=command(sent.data).metadata))  # type: ignore[arg-type]


def test_a_namesake_of_a_registered_command_is_refused(store: EventStore) -> None:
    namesake = type("Write", (Write,), {"__module__": "elsewhere"})
    with pytest.raises(InvalidCommand, match=f"data: is of another class than {Write.__module__} registers"):
        CommandHandler(store, CATALOGUE).handle(command(namesake(diary="a", text="x")))
