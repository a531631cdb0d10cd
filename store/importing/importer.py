"""The importer: a file into the log, all of it or nothing, or part by part so that a killed import goes on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from acci.store.importing import ledger
from acci.store.importing.conversion import Converter
from acci.store.importing.ledger import Entry
from acci.store.importing.lines import Line, Place, csv_header, read_csv, read_ndjson
from acci.store.importing.mapping import Mapping
from acci.store.importing.problems import BadLine, BadLines, Rejected, UnreadableFile
from acci.store.importing.staging import Known, Staged, Staging
from acci.store.postgres.database import Connection, connect
from acci.store.postgres.keys import Keys
from acci.store.registry import Catalogue

Progress = Callable[[int, str], None]  # bytes read so far, what is done now


@dataclass(frozen=True)
class Imported:
    """What an import did. `events` are those of the whole file, `new_events` those stored now.

    `known_events` were in the log already, by their ids, and were skipped.
    """

    file: str
    lines: int
    events: int
    new_events: int
    bad_lines: int
    rejected: tuple[Rejected, ...]
    known_events: int = 0


class Importer:
    """Imports files by one mapping. `bad_limit` is how many bad lines are named; the others are counted.

    A line whose event's id is in the log already, or twice in the file, is a bad one; with `skip_known` it is passed
    over if that is the same event.
    """

    def __init__(
        self,
        database_url: str,
        catalogue: Catalogue,
        mapping: Mapping,
        bad_limit: int = 20,
        *,
        skip_known: bool = False,
        keys: Keys | None = None,
    ) -> None:
        self._url = database_url
        self._catalogue = catalogue
        self._mapping = mapping
        self._bad_limit = bad_limit
        self._skip_known = skip_known
        self._keys = keys

    def check(self, path: Path, progress: Progress) -> Imported:
        """Read the whole file and store nothing. The log is looked at if the mapping gives the events' ids."""
        entry = self._entry(path)
        if self._mapping.id is None:  # otherwise ids come from the file's content, so no other event has them
            with _open(path) as file:
                for _ in self._events(file, path, Place(), entry, progress):
                    entry.events += 1
            return _done(entry, 0)
        with connect(self._url, "import", "administer") as connection, _open(path) as file:
            staging = self._staging(connection, path)
            entry.events = staging.fill(self._events(file, path, Place(), entry, progress))
            with connection.transaction(force_rollback=True):
                self._leave_out(staging.take_known(), entry)
        return _done(entry, 0)

    def import_whole(self, path: Path, progress: Progress) -> Imported:
        """Afterwards every line of the file is stored, or none is: one transaction.

        Raises `BadLines` if a line is no event; `AlreadyImported` if the same content is in the log.
        """
        known = self._entry(path)
        with connect(self._url, "import", "administer") as connection, _open(path) as file:
            entry = ledger.begin(connection, path, known.content, known.mapping)
            ledger.refuse_known(entry, path)
            staging = self._staging(connection, path)
            place = Place()
            entry.events = staging.fill(self._events(file, path, place, entry, progress))
            _refuse_bad(entry)
            self._refuse_changed(path, known)
            progress(place.offset, "storing")
            entry.lines, entry.bytes = place.lines, place.offset
            with connection.transaction():
                self._leave_out(staging.append(by_time=self._mapping.order == "timestamp"), entry)
                _refuse_bad(entry)
                ledger.record(connection, entry, finished=True)
        return _done(entry, entry.events)

    def import_in_parts(self, path: Path, progress: Progress, lines: int = 20_000) -> Imported:
        """Afterwards every line that is an event is stored, once; the others are left out and reported.

        Stored in parts of `lines` lines, each with the state in one transaction: after a crash, call it again and it
        goes on from there. A file imported before is skipped.
        """
        if self._mapping.order == "timestamp":
            reason = "its mapping says order = 'timestamp', which needs all lines at once; leave --resume out"
            raise UnreadableFile(str(path), reason)
        known = self._entry(path)
        with connect(self._url, "import", "administer") as connection, _open(path) as file:
            entry = ledger.begin(connection, path, known.content, known.mapping)
            before = entry.events
            if entry.finished_at is not None:
                return _done(entry, 0)
            staging = self._staging(connection, path)
            place = Place(entry.lines, entry.bytes)
            events = self._events(file, path, place, entry, progress)
            finished = False
            while not finished:
                count = staging.fill(islice(events, lines))
                finished = count < lines
                if finished:
                    self._refuse_changed(path, known)
                entry.events += count
                entry.lines, entry.bytes = place.lines, place.offset
                with connection.transaction():
                    self._leave_out(staging.append(by_time=False), entry)
                    ledger.record(connection, entry, finished=finished)
        return _done(entry, entry.events - before)

    def _entry(self, path: Path) -> Entry:
        return Entry(ledger.content_of(path), self._mapping.fingerprint, path.name)

    def _staging(self, connection: Connection, path: Path) -> Staging:
        renamed, limit = self._catalogue.renamed, self._bad_limit
        return Staging(connection, path.name, renamed, skip_known=self._skip_known, limit=limit)

    def _leave_out(self, known: Known, entry: Entry) -> None:
        """Note events that are not stored: skipped, or reported as bad lines."""
        entry.events -= known.passed_over + known.bad_lines
        entry.known += known.passed_over
        for each in known.listed:
            entry.reject(each, self._bad_limit)
        entry.bad_lines += known.bad_lines - len(known.listed)

    def _refuse_changed(self, path: Path, known: Entry) -> None:
        if ledger.content_of(path) != known.content:
            raise UnreadableFile(str(path), "it changed while it was read; import it again when nothing writes to it")

    def _events(self, file: BinaryIO, path: Path, place: Place, entry: Entry, progress: Progress) -> Iterator[Staged]:
        """The events of the file's lines from `place` on; bad lines go to `entry`."""
        converter = Converter(self._mapping, self._catalogue, entry.content, self._keys)

        def fits(line: Line) -> bool:
            try:
                converter.event(line)
            except BadLine:
                return False
            return True

        for count, line in enumerate(self._lines(file, path, place, fits)):
            if count % 1000 == 0:
                progress(place.offset, "reading")
            if isinstance(line, Line):
                try:
                    yield line.number, converter.event(line)
                except BadLine as error:
                    entry.reject(Rejected(line.number, str(error)), self._bad_limit)
            else:
                entry.reject(line, self._bad_limit)
        progress(place.offset, "reading")
        entry.lines = place.lines

    def _lines(
        self, file: BinaryIO, path: Path, place: Place, fits: Callable[[Line], bool]
    ) -> Iterator[Line | Rejected]:
        if self._format(path) == "ndjson":
            return read_ndjson(file, place)
        header, body = csv_header(file, self._mapping.delimiter, path)
        if unknown := [s.title for s in self._mapping.columns() if len(s.path) > 1 or s.path[0] not in header]:
            raise UnreadableFile(str(path), f"the mapping names {unknown[0]}; the file has {', '.join(header)}")
        if not place.offset:
            place.lines, place.offset = body.lines, body.offset
        return read_csv(file, place, self._mapping.delimiter, header, fits)

    def _format(self, path: Path) -> str:
        known = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
        found = self._mapping.format or known.get(path.suffix.lower())
        if found is None:
            raise UnreadableFile(str(path), "its name shows no format; put format = 'csv' or 'ndjson' into the mapping")
        return found


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise UnreadableFile(str(path), (error.strerror or str(error)).lower()) from error


def _done(entry: Entry, new_events: int) -> Imported:
    return Imported(
        entry.file, entry.lines, entry.events, new_events, entry.bad_lines, tuple(entry.rejected), entry.known
    )


def _refuse_bad(entry: Entry) -> None:
    if entry.bad_lines:
        raise BadLines(entry.file, entry.bad_lines, tuple(map(str, entry.rejected)))
