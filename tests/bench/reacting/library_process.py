"""The library's process runner: for each event of a log it stores a notice of its own, one transaction an event."""

import time
from contextlib import closing
from uuid import UUID

from eventsourcing.application import ProcessingEvent
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.system import ProcessApplication

from tests.bench import library, library_projection

CONNECTIONS = 5


class Notice(Aggregate):
    """What is to be told about a person's change."""

    @event("Noted")
    def __init__(self, person: str, name: str) -> None:
        self.person, self.name = person, name


class Notices(ProcessApplication[UUID]):
    """Stores a notice for each event of a person, as the library's documentation says."""

    @singledispatchmethod
    def policy(self, domain_event: object, processing_event: ProcessingEvent[UUID]) -> None:
        """What concerns it is registered below."""

    @policy.register
    def created(self, domain_event: library.Person.Created, processing_event: ProcessingEvent[UUID]) -> None:
        processing_event.collect_events(Notice(person=str(domain_event.originator_id), name=domain_event.name))

    @policy.register
    def updated(self, domain_event: library.Person.Updated, processing_event: ProcessingEvent[UUID]) -> None:
        processing_event.collect_events(Notice(person=str(domain_event.originator_id), name=domain_event.name))


def decide(database_url: str, events: int) -> float:
    """The seconds that it takes to process so many events, after they were stored."""
    library_projection.history(database_url, events)
    environment = library.environment(database_url, CONNECTIONS)
    with library.people(database_url, CONNECTIONS) as people, closing(Notices(env=environment)) as notices:
        notices.follow("People", people.notification_log)
        began = time.perf_counter()
        notices.pull_and_process("People")
        taken = time.perf_counter() - began
        stored = notices.recorder.max_notification_id() or 0
    if stored < events:
        raise RuntimeError(f"{stored:,} of {events:,} notices were stored")
    return taken
