"""Canonical keys: a key that a person gave, as the read model stores it: "2026-01-31" for the date "2026-1-31"."""

from psycopg import errors
from psycopg import sql as identifiers

from acci.domain.errors import AcciError
from acci.domain.projections import Projection
from acci.store.generations.tables import ReadModel
from acci.store.postgres.database import Connection
from acci.store.values.storable import check_text


class WrongKey(AcciError):
    """A key was given that does not have the read model's parts."""

    projection: str
    key: tuple[str, ...]
    columns: tuple[str, ...]

    def __str__(self) -> str:
        wanted = ", ".join(self.columns)
        return f"The key {list(self.key)} does not fit {self.projection}: give a text for each of {wanted}."


def canonical_key(
    connection: Connection, projection: type[Projection], read_model: ReadModel, key: tuple[str, ...]
) -> tuple[str, ...]:
    """The key as it is stored. Raises `WrongKey`."""
    if len(key) != len(projection.key) or any(map(check_text, key)):
        raise WrongKey(projection.name, key, projection.key)
    try:
        return as_stored(connection, projection, read_model, key)
    except errors.DataError as error:
        raise WrongKey(projection.name, key, projection.key) from error


def as_stored(
    connection: Connection, projection: type[Projection], read_model: ReadModel, key: tuple[str, ...]
) -> tuple[str, ...]:
    """The key as PostgreSQL writes it out once it is stored. Raises `DataError`."""
    columns = [read_model.by_name[name] for name in projection.key]
    # Not cast to a character type: that would truncate a long text, and so name another row.
    types = (identifiers.SQL("text" if column.is_character else column.type) for column in columns)
    values = identifiers.SQL(", ").join(identifiers.SQL("%s::{}::text").format(each) for each in types)
    with connection.transaction():
        return connection.execute(identifiers.SQL("SELECT {}").format(values), key).fetchone() or ()
