"""People, as a domain of its own: events with personal data, of the aggregate itself and of somebody that it names."""

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Self
from uuid import UUID, uuid4

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.contexts import Context
from acci.domain.events import Event, EventData, StreamId
from acci.domain.personal import Personal
from acci.domain.projections import FoldProjection, Insert, Projection, Update, Upsert, concat, count, lower, on
from acci.domain.projections.python_folds import Row

TENANT = "t1"


class PersonRegistered(EventData):
    name: Personal[str]
    email: Personal[str | None] = None
    city: str


class PersonRenamed(EventData):
    name: Personal[str]


class NoteTaken(EventData):
    """A note of a desk's, about a person."""

    subject: ClassVar[str | None] = "person"

    person: str
    note: Personal[str]


class RegisterPerson(CommandData):
    aggregate_id_field: ClassVar[str] = "person"

    person: str
    name: str
    email: str | None = None
    city: str


class RenamePerson(CommandData):
    aggregate_id_field: ClassVar[str] = "person"

    person: str
    name: str


class TakeNote(CommandData):
    aggregate_id_field: ClassVar[str] = "desk"

    desk: str
    person: str
    note: str


class Person(Aggregate):
    snapshot_every: ClassVar[int | None] = 2

    name: str = ""
    renamed: int = 0

    @decides(RegisterPerson)
    def register(self, command: Command[RegisterPerson]) -> PersonRegistered:
        given = command.data
        return PersonRegistered(name=given.name, email=given.email, city=given.city)

    @decides(RenamePerson)
    def rename(self, command: Command[RenamePerson]) -> PersonRenamed:
        return PersonRenamed(name=command.data.name)

    @evolves(PersonRegistered, PersonRenamed)
    def named(self, event: Event[PersonRenamed]) -> Self:
        return self.changed(name=event.data.name, renamed=self.renamed + 1)


class Desk(Aggregate):
    last: str = ""

    @decides(TakeNote)
    def take(self, command: Command[TakeNote]) -> NoteTaken | None:
        """Nothing to do if that is the last note."""
        given = command.data
        return None if given.note == self.last else NoteTaken(person=given.person, note=given.note)

    @evolves(NoteTaken)
    def taken(self, event: Event[NoteTaken]) -> Self:
        return self.changed(last=event.data.note)


class People(Projection):
    """Everybody, with what is personal about them."""

    key = ("tenant_id", "id")

    @on(PersonRegistered)
    def registered(self, event: Event[PersonRegistered]) -> Insert:
        return Insert(
            name=event.data.name,
            shown=concat(lower(event.data.name), " of ", event.data.city),
            email=event.data.email,
            names=count(),
        )

    @on(PersonRenamed)
    def renamed(self, event: Event[PersonRenamed]) -> Update:
        return Update(name=event.data.name, names=count())


class Cities(Projection):
    """How many live in each city: nothing personal about it, though the events have such fields."""

    key = ("tenant_id", "city")

    @on(PersonRegistered)
    def registered(self, event: Event[PersonRegistered]) -> Upsert:
        return Upsert(city=event.data.city, people=count())


class Notes(FoldProjection):
    """The last note that each desk took."""

    key = ("tenant_id", "id")
    handles = (NoteTaken,)

    def evolve(self, row: Row | None, event: Event[NoteTaken]) -> Row | None:
        if event.data.note.startswith("unspeakable"):
            raise ValueError(f"{event.data.note} was noted of {event.data.person}")
        return {"person": event.data.person, "note": event.data.note, "taken": (row["taken"] if row else 0) + 1}


CONTEXT = Context(
    name="people",
    sql=Path(__file__).parent / "sql",
    events=(PersonRegistered, PersonRenamed, NoteTaken),
    aggregates=(Person, Desk),
    projections=(People, Cities, Notes),
)


def command(data: CommandData, tenant: str = TENANT, command_id: UUID | None = None) -> Command[CommandData]:
    metadata = CommandMetadata(
        user_id="me", correlation_id="r", tenant_id=tenant, timestamp=datetime(2026, 5, 1, tzinfo=UTC)
    )
    return Command(command_id or uuid4(), data, metadata)


def stream(person: str, tenant: str = TENANT) -> StreamId:
    return StreamId(tenant, "Person", person)
