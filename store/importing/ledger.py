"""The ledger of imports: which files' contents are in the log, and how far each has come."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from psycopg.types.json import Jsonb

from acci.store.importing.problems import AlreadyImported, ImportBegun, ImportRunning, Rejected, UnreadableFile
from acci.store.postgres.advisory_locks import try_lock
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql


@dataclass
class Entry:
    """One file's import: what of it is stored. `rejected` are the first lines that were left out.

    `known` are the events that were in the log already and so were skipped.
    """

    content: bytes
    mapping: bytes
    file: str
    lines: int = 0
    bytes: int = 0
    events: int = 0
    known: int = 0
    bad_lines: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    finished_at: datetime | None = None

    def reject(self, line: Rejected, limit: int) -> None:
        """Count a bad line, and keep it if it is among the first `limit`."""
        self.bad_lines += 1
        if len(self.rejected) < limit:
            self.rejected.append(line)


def content_of(path: Path) -> bytes:
    """SHA-256 of the file's content. Raises `UnreadableFile`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise UnreadableFile(str(path), (error.strerror or str(error)).lower()) from error


def begin(connection: Connection, path: Path, content: bytes, mapping: bytes) -> Entry:
    """The file's entry, this connection its only importer until it closes.

    Raises `ImportRunning`; or `ImportBegun` if a part of it was stored by another mapping.
    """
    if not try_lock(connection, f"acci import {content.hex()}"):
        raise ImportRunning(str(path))
    row = connection.execute(sql("importing/imports:find"), {"content": content}).fetchone()
    if row is None:
        return Entry(content, mapping, path.name)
    known_mapping, file, lines, offset, events, passed_over, bad_lines, rejected, _, finished_at = row
    if finished_at is None and bytes(known_mapping) != mapping:
        raise ImportBegun(str(path), events, "Go on with the mapping that it was begun with")
    listed = [Rejected(number, reason) for number, reason in rejected]
    return Entry(content, mapping, file, lines, offset, events, passed_over, bad_lines, listed, finished_at)


def refuse_known(entry: Entry, path: Path) -> None:
    """Raises `AlreadyImported` or `ImportBegun` if any of the file is stored."""
    if entry.finished_at is not None:
        when = f"{entry.finished_at:%Y-%m-%d %H:%M}"
        raise AlreadyImported(str(path), entry.file, when, entry.events)
    if entry.lines:
        raise ImportBegun(str(path), entry.events, "It goes in parts: go on with --resume")


def record(connection: Connection, entry: Entry, *, finished: bool) -> None:
    """Afterwards the ledger says what `entry` says; within the caller's transaction."""
    connection.execute(
        sql("importing/imports:record"),
        {
            "content": entry.content,
            "mapping": entry.mapping,
            "file": entry.file,
            "lines": entry.lines,
            "bytes": entry.bytes,
            "events": entry.events,
            "known": entry.known,
            "bad_lines": entry.bad_lines,
            "rejected": Jsonb([[line.number, line.reason] for line in entry.rejected]),
            "finished": finished,
        },
    )
