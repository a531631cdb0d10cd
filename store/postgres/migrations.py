"""The durable schema: numbered files, applied once each, in order, and never edited afterwards."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import psycopg

from acci.domain.errors import AcciError
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.errors import SchemaMissing
from acci.store.postgres.refusals import first_line
from acci.store.postgres.statements import SQL, sql

OLDEST = 15  # the first PostgreSQL with MERGE
REPLACED = "0001_event_log"  # the first of the migrations that 0001_baseline replaced


class MigrationEdited(AcciError):
    """A migration's file is not what was applied."""

    name: str

    sentence = (
        "The migration {name} was edited after it had been applied. "
        "Restore the file as it was and put the change into a new migration."
    )


class MigrationMissing(AcciError):
    """The database holds a migration that this version does not know."""

    name: str

    sentence = (
        "The database has the migration {name}, which this version of ACCI does not: "
        "it belongs to a newer ACCI. Update ACCI."
    )


class MadeBeforeBaseline(AcciError):
    """The database was made by the migrations of development builds, which one baseline replaced before 0.1.0."""

    sentence = (
        "The database was made by a build from before 0.1.0, whose migrations 0001_baseline replaced, and cannot "
        "be migrated: make another one with `acci migrate`, copy into it what nothing can derive again (with "
        "pg_dump and pg_restore: the data of acci.events, acci.commands, acci.discarded_events, acci.imports and "
        "acci.seals, and the whole schema acci_keys if there is one), run `acci migrate` there once more, and "
        "rebuild the read models."
    )


class MigrationFailed(AcciError):
    """PostgreSQL refused a migration; nothing was changed."""

    name: str
    reason: str
    way_out: str = "Make room for it, or use a database of ACCI's own."

    sentence = "The migration {name} failed: {reason}. Nothing was changed. {way_out}"


class ServerTooOld(AcciError):
    """The PostgreSQL server is of a version that lacks what ACCI is made with."""

    version: int

    sentence = f"The server is PostgreSQL {{version}}; ACCI needs {OLDEST} or later. Use a newer server."


class NotUnicode(AcciError):
    """The database stores text in an encoding that lacks what names and payloads may have."""

    encoding: str

    sentence = (
        "The database's encoding is {encoding}; ACCI needs UTF8. Make another one: "
        "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
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
    """The migrations of this version, in order."""
    return [Migration(file.stem, file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.sql"))]


def pending(connection: Connection, migrations: list[Migration] | None = None) -> list[Migration]:
    """Those not applied yet.

    Raises `MadeBeforeBaseline`, `MigrationEdited` or `MigrationMissing` if history and files disagree.
    """
    migrations = known() if migrations is None else migrations
    if connection.execute(sql("postgres/migrations:is_new")).fetchone() == (True,):
        return migrations
    applied: dict[str, str] = dict(connection.execute(sql("postgres/migrations:applied")).fetchall())
    if REPLACED in applied:
        raise MadeBeforeBaseline
    by_name = {migration.name: migration for migration in migrations}
    for name, checksum in applied.items():
        if name not in by_name:
            raise MigrationMissing(name)
        if by_name[name].checksum != checksum:
            raise MigrationEdited(name)
    return [migration for migration in migrations if migration.name not in applied]


def require_migrated(connection: Connection) -> None:
    """Raises `SchemaMissing` unless every migration of this version was applied; and what `pending` raises."""
    waiting = pending(connection)
    if waiting:
        raise SchemaMissing(f"{len(waiting)} migrations are to be applied, from {waiting[0].name} on")


def migrate(database_url: str, migrations: list[Migration] | None = None) -> list[str]:
    """Bring the schema up to date; the names of the migrations applied now. After a restore, owners are right again.

    All of them or none, in one transaction; idempotent; two at once wait for each other. Raises `ServerTooOld`,
    `NotUnicode`, `MigrationFailed`, and what `pending` raises.
    """
    with connect(database_url, "migrate") as connection, connection.transaction():
        version = connection.info.server_version // 10_000
        if version < OLDEST:
            raise ServerTooOld(version)
        if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
            raise NotUnicode(str(encoding))
        connection.execute(sql("postgres/migrations:lock"))
        waiting = pending(connection, migrations)
        if waiting:
            for statement in ("postgres/migrations:create_schema", "postgres/migrations:create_table"):
                connection.execute(sql(statement))
        connection.execute(sql("postgres/ownership"), prepare=False)  # before: new tables get the rights meant for them
        for migration in waiting:
            try:
                connection.execute(migration.text, prepare=False)
            except psycopg.ProgrammingError as error:
                way_out = error.diag.message_hint or MigrationFailed.way_out
                raise MigrationFailed(migration.name, first_line(error), way_out) from error
            connection.execute(
                sql("postgres/migrations:record"), {"name": migration.name, "checksum": migration.checksum}
            )
        if waiting:
            connection.execute(sql("postgres/ownership"), prepare=False)  # after: a new database has the roles only now
        if migrations is None:
            connection.execute(sql("postgres/sequence:set_on"))
        return [migration.name for migration in waiting]
