"""Whether pools fit into what the server admits, and what is between here and the server."""

from collections.abc import Iterator

from acci.domain.errors import AcciError
from acci.store.monitoring.doctor.diagnosis import Diagnosis, refused, warning, well, wrong
from acci.store.monitoring.doctor.situation import Situation
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.session import is_direct
from acci.store.postgres.statements import sql


def room(connection: Connection, situation: Situation) -> Iterator[Diagnosis]:
    """An application's pool fits beside what is connected now."""
    row = connection.execute(sql("monitoring/doctor:connections")).fetchone()
    if row is not None:
        server, database, login, used = row
        limits = {"max_connections": server, "the database's limit": database, "the login's limit": login}
        yield judged(situation.settings.limits.pool_size, {n: most for n, most in limits.items() if most >= 0}, used)


def judged(pool: int, limits: dict[str, int], used: int) -> Diagnosis:
    """What it means that a pool of that size meets these limits, `used` of the server's connections being taken."""
    name, most = min(limits.items(), key=lambda limit: limit[1])
    remedy = f"Lower ACCI_POOL_SIZE, or raise {name}."
    if pool > most:
        return wrong(
            "connections", f"A pool of {pool} connections (ACCI_POOL_SIZE) is more than {name}: {most}.", remedy
        )
    taken = f"{used} of {limits['max_connections']} connections are in use"
    if pool > limits["max_connections"] - used:
        said = f"{taken}: one more application with a pool of {pool} (ACCI_POOL_SIZE) may find no room."
        return warning("connections", said, remedy)
    return well("connections", f"{taken}; each application takes {pool} of them at most (ACCI_POOL_SIZE).")


def pooler(connection: Connection, situation: Situation) -> Iterator[Diagnosis]:
    """Flows and long work have sessions of their own; applications have all that they need."""
    if is_direct(connection):
        yield well("pooler", "Flows and the command line reach PostgreSQL without one.")
    else:
        try:
            connect(situation.url, "doctor").close()
        except AcciError as error:
            yield refused("pooler", error)
        else:
            yield well("pooler", "There is one, in session mode: flows and the command line can use it.")
    ours = situation.settings
    if ours.database_url is None or ours.direct_url in (None, ours.database_url):
        return
    try:
        with connect(ours.database_url, "doctor", "append", shared=True) as application:
            how = "without a pooler" if is_direct(application) else "through a pooler"
            prepared = "" if application.own else ", to which the login brings all that ACCI relies on"
        yield well("applications", f"They reach the database at ACCI_DATABASE_URL {how}{prepared}.")
    except AcciError as error:
        yield refused("applications", error)
