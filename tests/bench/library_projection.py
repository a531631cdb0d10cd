"""A read model of people kept by the library's projection runner, one event and one transaction at a time."""

import time

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from tests.bench import library
from tests.bench.ground import text

UPDATES, PEOPLE_A_SAVE, PATIENCE = 9, 100, 600.0


class PeopleView(PostgresTrackingRecorder):
    """The table, written with the tracking of the event in one transaction, as the library's documentation says."""

    def __init__(self, datastore: PostgresDatastore, **about: str) -> None:
        super().__init__(datastore, **about)
        self.sql_create_statements.append(SQL(text("library/create")).format())

    def put(self, statement: str, values: dict[str, object], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(text(f"library/{statement}"), values, prepare=True)


class PeopleProjection(Projection[PeopleView]):
    name = "people_view"

    @singledispatchmethod
    def process_event(self, _: object, tracking: Tracking) -> None:
        self.view.insert_tracking(tracking)

    @process_event.register
    def created(self, domain_event: library.Person.Created, tracking: Tracking) -> None:
        values = {
            "id": domain_event.originator_id,
            "email": domain_event.email,
            "name": domain_event.name,
            "at": domain_event.timestamp,
        }
        self.view.put("created", values, tracking)

    @process_event.register
    def updated(self, domain_event: library.Person.Updated, tracking: Tracking) -> None:
        values = {"id": domain_event.originator_id, "name": domain_event.name, "at": domain_event.timestamp}
        self.view.put("updated", values, tracking)


def history(database_url: str, events: int) -> int:
    """Store so many events, ten a person; the last one's id."""
    last = 0
    with library.people(database_url) as people:
        waiting: list[library.Person] = []
        for number in range(events // (UPDATES + 1)):
            person = library.Person(email=f"user{number}@example.com", name=f"User {number}")
            for version in range(UPDATES):
                person.update(name=f"User {number} of version {version}")
            waiting.append(person)
            if len(waiting) == PEOPLE_A_SAVE:
                last = people.save(*waiting)[-1].notification.id
                waiting.clear()
        if waiting:
            last = people.save(*waiting)[-1].notification.id
    return last


def catch_up(database_url: str, last: int) -> float:
    """The seconds from the runner's start, with nothing projected, until it has recorded event `last`."""
    began = time.perf_counter()
    with ProjectionRunner[library.People, PeopleView](
        application_class=library.People,
        projection_class=PeopleProjection,
        view_class=PeopleView,
        env=library.environment(database_url, connections=3),
    ) as runner:
        runner.wait(last, timeout=PATIENCE)
        return time.perf_counter() - began
