"""What ACCI has in the database: extensions, migrations, the high-water mark."""

from collections.abc import Iterator

from acci.store.monitoring.checks import log
from acci.store.monitoring.checks.check import Bounds
from acci.store.monitoring.doctor.diagnosis import Diagnosis, from_health, well, wrong
from acci.store.monitoring.doctor.situation import Situation
from acci.store.postgres.database import Connection
from acci.store.postgres.migrations import require_migrated
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

EXTENSIONS = ("pg_trgm", "btree_gin")
NOTHING = Catalogue(())
CONTRIB = (
    "Install PostgreSQL's contrib modules on the server (Debian: postgresql-contrib), or allow it at your provider."
)


def extensions(connection: Connection, _: Situation) -> Iterator[Diagnosis]:
    """Those that migrations need are there, or can be made by them."""
    is_new = (connection.execute(sql("postgres/migrations:is_new")).fetchone() or (False,))[0]
    there = []
    for name, made, available in connection.execute(sql("monitoring/doctor:extensions"), {"names": [*EXTENSIONS]}):
        if made is not None:
            there.append(f"{name} {made}")
        elif available is None:
            yield wrong(f"extension {name}", f"The server does not have the extension {name}.", CONTRIB)
        elif is_new:
            there.append(f"{name} {available} (available: `acci migrate` makes it)")
        else:
            create = f"CREATE EXTENSION {name} SCHEMA public;"
            yield wrong(f"extension {name}", f"The database does not have the extension {name}.", create)
    if len(there) == len(EXTENSIONS):
        yield well("extensions", f"{', '.join(there)}.")


def migrations(connection: Connection, _: Situation) -> Iterator[Diagnosis]:
    """All are applied, and none was edited. Raises what `pending` raises, and `SchemaMissing`."""
    require_migrated(connection)
    yield well("migrations", "Every migration of this version is applied, as it is.")


def mark(connection: Connection, situation: Situation) -> Iterator[Diagnosis]:
    """The high-water mark moves."""
    yield from map(from_health, log.mark(connection, situation.catalogue or NOTHING, Bounds()))
