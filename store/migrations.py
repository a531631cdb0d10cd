"""The durable schema: numbered files, applied once each, in order, and never edited afterwards."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from domain.errors import AcciError
from store.database import Connection, connect
from store.statements import SQL, sql


@dataclass(eq=False, repr=False)
class MigrationEdited(AcciError):
    """A migration's file is not what was applied."""

    name: str

    def __str__(self) -> str:
        return (
            f"The migration {self.name} was edited after it had been applied. "
            "Restore the file as it was and put the change into a new migration."
        )


@dataclass(eq=False, repr=False)
class MigrationMissing(AcciError):
    """The database holds a migration that this checkout does not know."""

    name: str

    def __str__(self) -> str:
        return (
            f"The database has the migration {self.name}, which this checkout does not: "
            "it belongs to a newer ACCI. Update the checkout."
        )


@dataclass(frozen=True)
class Migration:
    """One file. `checksum` is the SHA-256 of its text, line ends apart."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.replace("\r\n", "\n").encode()).hexdigest()


def known(folder: Path = SQL / "migrations") -> list[Migration]:
    """The migrations of this checkout, in order."""
    return [Migration(file.stem, file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.sql"))]


def pending(connection: Connection, migrations: list[Migration] | None = None) -> list[Migration]:
    """Those not applied yet. Raises `MigrationEdited` or `MigrationMissing` if history and files disagree."""
    migrations = known() if migrations is None else migrations
    if connection.execute(sql("migrating/is_new")).fetchone() == (True,):
        return migrations
    applied: dict[str, str] = dict(connection.execute(sql("migrating/applied")).fetchall())
    by_name = {migration.name: migration for migration in migrations}
    for name, checksum in applied.items():
        if name not in by_name:
            raise MigrationMissing(name)
        if by_name[name].checksum != checksum:
            raise MigrationEdited(name)
    return [migration for migration in migrations if migration.name not in applied]


def migrate(database_url: str, migrations: list[Migration] | None = None) -> list[str]:
    """Bring the schema up to date; the names of the migrations applied now.

    All of them or none, in one transaction; idempotent; two at once wait for each other.
    """
    with connect(database_url, "migrate") as connection, connection.transaction():
        connection.execute(sql("migrating/take_lock"))
        waiting = pending(connection, migrations)
        if not waiting:
            return []
        for statement in ("migrating/create_schema", "migrating/create_history"):
            connection.execute(sql(statement))
        for migration in waiting:
            connection.execute(migration.text, prepare=False)
            connection.execute(sql("migrating/record"), {"name": migration.name, "checksum": migration.checksum})
        return [migration.name for migration in waiting]
