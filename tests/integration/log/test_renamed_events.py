"""An event class renamed, retired or gone: nothing goes on as if its events had not happened."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.contexts import Context
from acci.domain.errors import DefinitionError, Refused, UnknownName
from acci.domain.events import Event, EventData, Retired, StreamId
from acci.domain.projections import FoldProjection, Insert, Projection, Update, add, on
from acci.store.aggregates.history import history
from acci.store.aggregates.loading import UnregisteredEvent
from acci.store.aggregates.repository import Repository
from acci.store.backfilling import backfill
from acci.store.backfilling.selection import Choice
from acci.store.commands.handler import CommandHandler
from acci.store.importing.conversion import Converter
from acci.store.importing.lines import Line
from acci.store.importing.mapping import load_mapping
from acci.store.log.event_store import EventStore
from acci.store.log.schema_check import stored_shapes
from acci.store.monitoring.checks.check import Bounds
from acci.store.monitoring.checks.log import event_types
from acci.store.postgres.database import Connection, Database
from acci.store.projecting import batches
from acci.store.reading.as_of import rows_as_of
from acci.store.rebuilding import build, plan
from acci.store.rebuilding.gate import GateClosed, GateThresholds
from acci.store.registry import Catalogue

TABLES = {
    "stock": "CREATE TABLE stock (tenant_id text, id text, title text, kind text, moves bigint,"
    " PRIMARY KEY (tenant_id, id));",
    "tally": "CREATE TABLE tally (tenant_id text, id text, kinds text, PRIMARY KEY (tenant_id, id));",
}


class AddItem(CommandData):
    aggregate_id_field: ClassVar[str] = "item"

    item: str
    title: str


class Moved(EventData):
    place: str


def shop(folder: Path, added: type[EventData], **more: Any) -> Catalogue:
    """The domain, with `added` in the place of the event that adds an item."""
    (folder / "read_models").mkdir(exist_ok=True)
    for name, text in TABLES.items():
        (folder / "read_models" / f"{name}.sql").write_text(text)

    class Item(Aggregate):
        snapshot_every = 2
        title: str = ""

        @decides(AddItem)
        def add(self, command: Command[AddItem]) -> EventData:
            if self.title:
                raise Refused("it is there.")
            return added.model_validate({"title": command.data.title})

        @evolves(added)
        def is_added(self, event: Event[Any]) -> "Item":
            return self.model_copy(update={"title": event.data.title})

    class Stock(Projection):
        key = ("tenant_id", "id")

        @on(added)
        def is_added(self, event: Any) -> Insert:
            return Insert(title=event.data.title, kind=event.event_type, moves=0)

        @on(Moved)
        def is_moved(self, _: Any) -> Update:
            return Update(moves=add(1))

    class Tally(FoldProjection):
        key = ("tenant_id", "id")
        handles = (added, Moved)

        def evolve(self, row: dict[str, Any] | None, event: Event[Any]) -> dict[str, Any]:
            return {"kinds": f"{(row or {}).get('kinds') or ''} {event.event_type}".strip()}

    return Catalogue(
        (
            Context(
                name="shop", sql=folder, events=(added, Moved), aggregates=(Item,), projections=(Stock, Tally), **more
            ),
        )
    )


class ItemAdded(EventData):
    title: str


def renamed() -> type[EventData]:
    class ItemRegistered(EventData):
        formerly: ClassVar[tuple[str, ...]] = ("ItemAdded", "ItemMade")

        title: str

    return ItemRegistered


def gone() -> type[EventData]:
    class ItemRegistered(EventData):
        title: str

    return ItemRegistered


def add_item(database: Database, catalogue: Catalogue, item: str) -> Any:
    store = EventStore(database, catalogue)
    metadata = CommandMetadata(user_id="me", correlation_id="c", tenant_id="t", timestamp=datetime.now(UTC))
    return CommandHandler(store, catalogue).handle(Command(uuid4(), AddItem(item=item, title="Bolt"), metadata))


def gated(connection: Connection, catalogue: Catalogue, name: str) -> None:
    options = build.RebuildOptions(thresholds=GateThresholds(changes=100))  # rows hold the event type
    build.rebuild(connection, catalogue, catalogue.projection(name), options, build.STEPS)


def item(name: str) -> StreamId:
    return StreamId("t", "Item", name)


def rows(connection: Connection, name: str) -> list[Any]:
    return connection.execute(f"SELECT * FROM read.{name} ORDER BY id").fetchall()  # noqa: S608


def test_an_event_of_an_unknown_class_stops_decisions(
    database: Database, database_url: str, connection: Connection, tmp_path: Path
) -> None:
    before, after = shop(tmp_path, ItemAdded), shop(tmp_path, gone())
    for name in ("bolt", "nut"):
        add_item(database, before, name)
    with pytest.raises(UnregisteredEvent, match="of no registered event class") as refused:
        add_item(database, after, "bolt")
    assert refused.value.args[:3] == ("ItemAdded", "bolt", 1)
    add_item(database, after, "nail")
    (change,) = history(EventStore(database, after), after, item("bolt"))
    assert change.remark == "Its payload cannot be read: no event type ItemAdded is registered."
    assert plan.plan(connection, after, after.projection("stock"), 1).unknown_events == {"ItemAdded": 2}
    with pytest.raises(GateClosed, match="Events of unknown types, so their rows may be missing: 2 ItemAdded"):
        gated(connection, after, "stock")
    shown = list(event_types(connection, after, Bounds()))
    assert [(check.healthy, "2 ItemAdded" in check.said) for check in shown] == [(False, True)]
    assert [shape.problem for shape in stored_shapes(connection, after)] == [
        "no event type ItemAdded is registered.",
        None,
    ]
    shown = list(event_types(connection, before, Bounds()))
    assert "1 ItemRegistered" in shown[0].said


def test_a_renamed_class_reads_its_events_in_every_engine(
    database: Database, connection: Connection, tmp_path: Path
) -> None:
    before, after = shop(tmp_path, ItemAdded), shop(tmp_path, renamed())
    for name in ("bolt", "nut"):
        add_item(database, before, name)
    for name in ("stock", "tally"):
        gated(connection, before, name)
    with pytest.raises(Refused):
        add_item(database, after, "bolt")
    (new,) = add_item(database, after, "nail")
    store = EventStore(database, after)
    assert [event.event_type for event in store.read_all()] == ["ItemRegistered"] * 3
    for name in ("ItemAdded", "ItemRegistered"):
        assert len(list(store.read_all(event_types=[name]))) == 3
    assert Repository(store).load(after.aggregate("Item"), item("nut")).state.title == "Bolt"  # type: ignore[attr-defined]
    for name in ("stock", "tally"):
        gated(connection, after, name)
    expected = [("t", name, "Bolt", "ItemRegistered", 0) for name in ("bolt", "nail", "nut")]
    assert rows(connection, "stock") == expected
    assert rows(connection, "tally") == [("t", name, "ItemRegistered") for name in ("bolt", "nail", "nut")]
    past = list(rows_as_of(connection, after, after.projection("stock"), position=new.position - 1))
    assert [(row["id"], row["kind"]) for row in past] == [("bolt", "ItemRegistered"), ("nut", "ItemRegistered")]
    past = list(rows_as_of(connection, after, after.projection("tally"), position=new.position - 1))
    assert [row["kinds"] for row in past] == ["ItemRegistered"] * 2
    for name in ("stock", "tally"):
        projection = after.projection(name)
        for event_type in ("ItemAdded", "ItemRegistered"):
            choice = Choice(event_types=(event_type,))
            assert backfill.preview(connection, after, projection, choice) == 3
        with pytest.raises(UnknownName, match=r"handles named 'Nothing'\. Known: ItemRegistered, Moved"):
            backfill.preview(connection, after, projection, Choice(event_types=("Nothing",)))
        add_item(database, after, f"screw {name}")
        batches.catch_up(connection, after, projection)
    assert plan.plan(connection, after, after.projection("stock"), 1).events["ItemRegistered"] == 5
    assert plan.plan(connection, after, after.projection("stock"), 1).unknown_events == {}


def test_a_former_name_changes_snapshot_schemas_and_fingerprints(tmp_path: Path) -> None:
    from acci.store.generations.fingerprints import define

    before, after = shop(tmp_path, gone()), shop(tmp_path, renamed())
    assert before.aggregate("Item").state_schema() != after.aggregate("Item").state_schema()
    for name in ("stock", "tally"):
        one, other = (define(each, each.projection(name)).fingerprint for each in (before, after))
        assert one != other


def test_a_retired_event_is_skipped(database: Database, connection: Connection, tmp_path: Path) -> None:
    before = shop(tmp_path, ItemAdded)
    add_item(database, before, "bolt")
    after = shop(tmp_path, gone(), retired=("ItemAdded",))
    store = EventStore(database, after)
    (old,) = store.read_all()
    assert isinstance(old.data, Retired)
    assert Repository(store).load(after.aggregate("Item"), item("bolt")).version == 1
    add_item(database, after, "bolt")
    gated(connection, after, "stock")
    assert [row[1] for row in rows(connection, "stock")] == ["bolt"]
    assert [shape.problem for shape in stored_shapes(connection, after)] == [None, None]
    assert next(iter(event_types(connection, after, Bounds()))).healthy
    assert len(list(store.read_all(event_types=["ItemAdded"]))) == 1


def test_an_import_takes_a_former_name_and_stores_todays(tmp_path: Path) -> None:
    catalogue = shop(tmp_path, renamed())
    (tmp_path / "mapping.toml").write_text("""
tenant_id = {constant = "t"}
aggregate_type = {constant = "Item"}
aggregate_id = "id"
event_type = "type"
timestamp = "at"
data.ItemAdded = {title = "title"}
""")
    mapping = load_mapping(tmp_path / "mapping.toml", catalogue)
    for number, name in enumerate(("ItemAdded", "ItemMade", "ItemRegistered"), 1):
        record = {"id": "a", "type": name, "at": "2026-01-01T00:00:00Z", "title": "Bolt"}
        assert Converter(mapping, catalogue, b"x").event(Line(number, record)).event_type == "ItemRegistered"


def test_names_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="ItemAdded"):
        Catalogue((Context(name="a", sql=tmp_path, events=(ItemAdded, renamed())),))
    with pytest.raises(DefinitionError, match="it is retired, and a registered class has that name too"):
        shop(tmp_path, renamed(), retired=("ItemMade",))
    with pytest.raises(DefinitionError, match="are a tuple of texts"):
        shop(tmp_path, renamed(), retired="ItemMade")

    class Wrong(EventData):
        formerly = "ItemAdded"  # type: ignore[assignment]

    with pytest.raises(DefinitionError, match="are a tuple of texts"):
        Context(name="a", sql=tmp_path, events=(Wrong,))


def test_a_former_name_is_not_inherited() -> None:
    class Special(renamed()):  # type: ignore[misc]
        pass

    assert Special.stored_names() == ("Special",)
