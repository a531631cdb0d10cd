"""Staging: events wait in a table of the session's own, so that the log is locked only for their insertion."""

from collections.abc import Iterable

from psycopg import errors

from store.bulk import COLUMNS, JSONB, RawEvent
from store.database import Connection
from store.importing.problems import StreamsInUse, UnreadableFile
from store.payloads import encode_metadata
from store.sequence import require_sequence
from store.statements import sql

TYPES = [*COLUMNS[:2], "int8", *COLUMNS[3:]]
ATTEMPTS = 20  # of three, one fails if another appends to the same stream without a pause

Staged = tuple[int, RawEvent]  # the line's number, its event


class Staging:
    """The staging table of one connection; gone with it."""

    def __init__(self, connection: Connection, file: str) -> None:
        self._connection = connection
        self._file = file
        connection.execute(sql("importing/create_staged"))

    def fill(self, events: Iterable[Staged]) -> int:
        """Add `events`, by COPY, all or none; how many they were."""
        count = 0
        try:
            with self._connection.cursor() as cursor, cursor.copy(sql("importing/copy")) as copy:
                copy.set_types(TYPES)
                for line, event in events:
                    copy.write_row(
                        (
                            event.timestamp,
                            event.id,
                            line,
                            event.schema_version,
                            *event.stream,
                            event.event_type,
                            JSONB + event.data.encode(),
                            JSONB + encode_metadata(event.metadata).encode(),
                        )
                    )
                    count += 1
        except errors.DataError as error:
            raise UnreadableFile(self._file, f"PostgreSQL says {error.diag.message_primary}") from error
        return count

    def append(self, *, by_time: bool) -> None:
        """Move what is staged into the log, each stream's versions going on from where it is.

        Within the caller's transaction, all or none. Raises `StreamsInUse` if others keep taking the versions.
        """
        require_sequence(self._connection)
        self._connection.execute(sql("importing/analyze_staged"))
        for attempt in range(ATTEMPTS):
            try:
                with self._connection.transaction():
                    self._connection.execute(sql("importing/append_staged"), {"by_time": by_time})
            except errors.UniqueViolation as error:
                if attempt == ATTEMPTS - 1:
                    raise StreamsInUse(self._file) from error
            else:
                break
        self._connection.execute(sql("importing/empty_staged"))
