"""What the login may do."""

from collections.abc import Iterator
from typing import get_args

from acci.store.monitoring.doctor.diagnosis import Diagnosis, warning, well, wrong
from acci.store.monitoring.doctor.situation import Situation
from acci.store.postgres.database import Connection
from acci.store.postgres.errors import NotAllowed
from acci.store.postgres.session import Role, take
from acci.store.postgres.statements import sql

ROLES: tuple[Role, ...] = get_args(Role)


def superuser(connection: Connection, situation: Situation) -> Iterator[Diagnosis]:
    """It is none, unless the server is the embedded one."""
    row = connection.execute(sql("monitoring/doctor:is_superuser")).fetchone()
    if not row or not row[0]:
        yield well("login", f"{situation.login} is no superuser.")
    elif situation.is_embedded:
        yield well("login", f"{situation.login} is the superuser of the embedded server.")
    else:
        said = f"{situation.login} is a superuser: with its password one can change events and read every tenant."
        remedy = f"CREATE ROLE shop LOGIN PASSWORD '…' IN ROLE {', '.join(map(_named, ROLES))}; use it instead."
        yield warning("login", said, remedy)


def rights(connection: Connection, situation: Situation) -> Iterator[Diagnosis]:
    """Which of ACCI's roles it may take. Each is tried, and left again."""
    may = [role for role in ROLES if _may_take(connection, role)]
    lacking = ", ".join(_named(role) for role in ROLES if role not in may)
    grant = f"GRANT {lacking} TO {situation.login};"
    if not may:
        yield wrong("rights", f"{situation.login} may take none of ACCI's roles, so that it can do nothing.", grant)
    elif lacking:
        taken = " and ".join(filter(None, [", ".join(may[:-1]), may[-1]]))
        said = f"{situation.login} may {taken}. Flows and the command line take the other roles too."
        yield warning("rights", said, f"Right for an application's login; for one of flows: {grant}")
    else:
        yield well("rights", f"{situation.login} may append, project, read and administer.")


def _may_take(connection: Connection, role: Role) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            take(connection, role)
    except NotAllowed:
        return False
    return True


def _named(role: Role) -> str:
    return f"acci_{role}"
