"""Staging: events wait in a table of the session's own, so that the log is locked only for their insertion."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import LiteralString, NamedTuple
from uuid import UUID

from psycopg import errors
from psycopg import sql as identifiers
from psycopg.types.json import Jsonb

from acci.store.importing.problems import Rejected, StreamsInUse, UnreadableFile
from acci.store.log.bulk import COLUMNS, JSONB, RawEvent
from acci.store.log.event_ids import FEW, lock_bulk_appends, planned_for_many_ids
from acci.store.log.payloads import encode_metadata
from acci.store.postgres.database import Connection
from acci.store.postgres.sequence import require_sequence
from acci.store.postgres.statements import sql

TYPES = [*COLUMNS[:2], "int8", *COLUMNS[3:]]
ATTEMPTS = 20  # tries; three are not always enough beside a writer that appends to the same stream without pause

LOG: LiteralString = "acci.events"
FEW_OF_LOG: LiteralString = "acci.events_of_ids(ARRAY(SELECT id FROM staged))"

Staged = tuple[int, RawEvent]  # the line's number, its event


class Known(NamedTuple):
    """What was staged but not stored: events that are in the log already, and bad lines.

    `listed` are the first of the bad ones.
    """

    passed_over: int
    bad_lines: int
    listed: list[Rejected]


def _rejected(line: int, event_id: UUID, position: int | None, first: int | None, same: bool) -> Rejected:
    where = f"in the log already, at position {position}" if position else f"that of line {first} too"
    if same:
        return Rejected(line, f"its id {event_id} is {where}; --skip-known passes such lines over")
    return Rejected(line, f"its id {event_id} is {where}, and that is another event, or it says something else")


class Staging:
    """The staging table of one connection, dropped with it.

    `renamed`: events' former names, and today's. `limit`: how many lines with known ids are named.
    """

    def __init__(
        self, connection: Connection, file: str, renamed: Mapping[str, str], *, skip_known: bool, limit: int
    ) -> None:
        self._connection = connection
        self._file = file
        self._renamed = renamed
        self._skip_known = skip_known
        self._limit = limit
        connection.execute(sql("importing/staging:create"))

    def fill(self, events: Iterable[Staged]) -> int:
        """Add `events`, by COPY, all or none; how many they were."""
        filled = 0
        try:
            with self._connection.cursor() as cursor, cursor.copy(sql("importing/staging:copy")) as copy:
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
                    filled += 1
        except errors.DataError as error:
            raise UnreadableFile(self._file, f"PostgreSQL says {error.diag.message_primary}") from error
        return filled

    def append(self, *, by_time: bool) -> Known:
        """Move the staged events into the log, except known ones; versions continue those of each stream.

        Within the caller's transaction, all or none. Raises `StreamsInUse` if others keep taking the versions.
        """
        require_sequence(self._connection)
        for _ in range(ATTEMPTS):
            with suppress(errors.UniqueViolation), self._connection.transaction():
                known = self.take_known()
                self._connection.execute(sql("importing/append_staged"), {"by_time": by_time})
                self._connection.execute(sql("importing/staging:empty"))
                return known
        raise StreamsInUse(self._file)

    def take_known(self) -> Known:
        """Remove events whose ids are in the log, or twice among those staged; in the caller's transaction.

        Until it ends no other import or bulk append adds events.
        """
        self._connection.execute(sql("importing/staging:analyze"))
        lock_bulk_appends(self._connection)
        row = self._connection.execute(sql("importing/staging:count")).fetchone()
        log = FEW_OF_LOG if row is None or row[0] <= FEW else LOG
        statement = identifiers.SQL(sql("importing/take_known")).format(log=identifiers.SQL(log))
        wanted = {"renamed": Jsonb(self._renamed), "skip": self._skip_known, "limit": self._limit}
        with planned_for_many_ids(self._connection):
            found = self._connection.execute(statement, wanted, prepare=False).fetchall()
        same, taken = found[0][-2:] if found else (0, 0)
        passed = same if self._skip_known else 0
        listed = [_rejected(*row[:5]) for row in found if not (row[4] and self._skip_known)]
        return Known(passed, taken - passed, listed)
