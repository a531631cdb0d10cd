"""Which database this is, for those who keep records about it elsewhere."""

from uuid import UUID

from acci.store.postgres.database import Connection
from acci.store.postgres.migrations import require_migrated
from acci.store.postgres.statements import sql


def database_id(connection: Connection) -> UUID:
    """The id that this database was given when it was made. Raises `SchemaMissing`, `SchemaOutdated`."""
    require_migrated(connection)
    identity: UUID
    ((identity,),) = connection.execute(sql("identity/read")).fetchall()
    return identity
