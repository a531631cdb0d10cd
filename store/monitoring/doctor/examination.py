"""The checks of `acci doctor`, in order. To add one, add a function to a list."""

from collections.abc import Callable, Iterator

from acci.domain.errors import AcciError
from acci.store.database_url import direct_url
from acci.store.monitoring.checks.check import PATIENCE
from acci.store.monitoring.doctor import clock, connections, installation, keys, login, replication, schema, server
from acci.store.monitoring.doctor.diagnosis import Diagnosis, Verdict, refused, well
from acci.store.monitoring.doctor.situation import Situation
from acci.store.postgres.address import whereabouts
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.refusals import TranslatedErrors
from acci.store.postgres.session import WrongSession, brought_role
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue
from acci.store.settings import Settings

MachineCheck = Callable[[Settings], Iterator[Diagnosis]]
DatabaseCheck = Callable[[Connection, Situation], Iterator[Diagnosis]]
OF_THE_MACHINE: tuple[MachineCheck, ...] = (installation.versions, installation.extras)
# Each has the name of its line if it cannot be made.
OF_THE_SERVER: tuple[tuple[str, DatabaseCheck], ...] = (
    ("server", server.version),
    ("server settings", server.settings),
    ("server log", server.log),
    ("clock", clock.clock),
    ("login", login.superuser),
    ("rights", login.rights),
    ("connections", connections.room),
    ("standbys", replication.replication),
    ("slots", replication.slots),
    ("extensions", schema.extensions),
    ("migrations", schema.migrations),
)
OF_THE_SCHEMA: tuple[tuple[str, DatabaseCheck], ...] = (  # made only if the migrations are applied
    ("pooler", connections.pooler),
    ("mark", schema.mark),
    ("keys", keys.keys),
)


def examine_machine(settings: Settings) -> Iterator[Diagnosis]:
    """What is installed here."""
    for check in OF_THE_MACHINE:
        yield from check(settings)


def examine_database(settings: Settings, catalogue: Catalogue | None) -> Iterator[Diagnosis]:
    """The database, each thing once and each line as it is found; one line if it cannot be reached.

    `catalogue` is None if the contexts cannot be loaded. What a person can mend is a line, not an exception.
    """
    try:
        url = direct_url(settings)
        connection = _reached(url)
    except AcciError as error:
        yield refused("database", error)
        return
    with connection:
        row = connection.execute(sql("monitoring/doctor:login")).fetchone()
        situation = Situation(settings, url, str(row[0]) if row else "", catalogue)
        yield well("database", f"{whereabouts(url)} answers; a session has all that ACCI relies on.")
        found = [line for check in OF_THE_SERVER for line in _made(*check, connection, situation)]
        yield from found
        if any(line.name == "migrations" and line.verdict is Verdict.WELL for line in found):
            for check in OF_THE_SCHEMA:
                yield from _made(*check, connection, situation)


def _reached(url: str) -> Connection:
    """With the login's own rights; behind a pooler that keeps nothing, with those of the role that the login brings."""
    try:
        return connect(url, "doctor", shared=True)
    except WrongSession as error:
        role = brought_role(error)
        if role is None:
            raise
    return connect(url, "doctor", role, shared=True)


def _made(name: str, check: DatabaseCheck, connection: Connection, situation: Situation) -> list[Diagnosis]:
    try:
        with TranslatedErrors(), connection.transaction():
            connection.execute(sql("monitoring/health:limit_time"), {"timeout": PATIENCE})
            return list(check(connection, situation))
    except AcciError as error:
        return [refused(name, error)]
