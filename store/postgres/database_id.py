"""Which database this is, for those who keep records about it elsewhere."""

from uuid import UUID

from acci.domain.errors import AcciError
from acci.store.postgres.database import Connection
from acci.store.postgres.migrations import require_migrated
from acci.store.postgres.statements import sql


class NoIdentity(AcciError):
    """Somebody removed the row that says which database this is."""

    sentence = (
        "The database does not know which one it is: acci.identity has no row. Run: INSERT INTO acci.identity "
        "DEFAULT VALUES; it then has a new id, with which `acci deploy --take-over` takes its deployments over."
    )


def database_id(connection: Connection) -> UUID:
    """The id that this database was given when it was made. Raises `NoIdentity`, `SchemaMissing`."""
    require_migrated(connection)
    row = connection.execute(sql("postgres/database_id")).fetchone()
    if row is None:
        raise NoIdentity
    identity: UUID = row[0]
    return identity
