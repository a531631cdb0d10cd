"""The Python library `eventsourcing` 9.5.6, measured beside ACCI on the same server, in tables of its own."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict

NAME = "eventsourcing 9.5.6"


class Person(Aggregate):
    """What a User is in ACCI."""

    class Created(Aggregate.Created):
        email: str
        name: str

    class Updated(Aggregate.Event):
        name: str

    @event(Created)
    def __init__(self, email: str, name: str) -> None:
        self.email, self.name = email, name

    @event(Updated)
    def update(self, name: str) -> None:
        self.name = name


class People(Application[UUID]):
    is_snapshotting_enabled = True


def environment(database_url: str, connections: int = 1, cache: bool = False) -> dict[str, str]:
    """The library's settings: where its tables are, and how many connections it may hold.

    With `cache`, it keeps aggregates, and does not look for newer events before a command: a conflict tells.
    """
    known = conninfo_to_dict(database_url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(known.get("dbname")),
        "POSTGRES_HOST": str(known.get("host")),
        "POSTGRES_PORT": str(known.get("port")),
        "POSTGRES_USER": str(known.get("user")),
        "POSTGRES_PASSWORD": str(known.get("password", "")),
        "POSTGRES_POOL_SIZE": str(connections),
        **({"AGGREGATE_CACHE_MAXSIZE": "1000", "AGGREGATE_CACHE_FASTFORWARD": "n"} if cache else {}),
    }


@contextmanager
def people(database_url: str, connections: int = 1, cache: bool = False) -> Iterator[People]:
    """The library's application, its tables made; closed at the end."""
    with closing(People(env=environment(database_url, connections, cache))) as application:
        yield application
