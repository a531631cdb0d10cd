"""Lines: a file of any content read record by record, with constant memory."""

import csv
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from acci.store.importing.problems import Rejected, UnreadableFile
from acci.store.importing.sources import Record
from acci.store.values.strict_json import NotJson, parse_object

LINE_LIMIT = 4_000_000  # bytes; payloads must be far shorter
csv.field_size_limit(LINE_LIMIT)


@dataclass(frozen=True, slots=True)
class Line:
    """A record of the file: an NDJSON object, or a CSV row by column name. `number` is its first line, from 1."""

    number: int
    record: Record


@dataclass
class Place:
    """How far a file has been read: always between two records."""

    lines: int = 0
    offset: int = 0  # bytes


class _Physical:
    """The lines of an open file as text; `flaw` says what was wrong with one read since `take_flaw`.

    `read` are those of the record that is read now.
    """

    def __init__(self, file: BinaryIO, place: Place) -> None:
        self._file = file
        self._flaw: str | None = None
        self._second = 0  # where the record's second line begins
        self.read: list[str] = []
        self.place = place
        file.seek(place.offset)

    def __iter__(self) -> "_Physical":
        return self

    def begin_record(self) -> None:
        """Begin the next record."""
        self.read = []

    def back_to_second(self) -> None:
        """Read on behind the record's first line."""
        self.place.lines -= len(self.read) - 1
        self.place.offset = self._second
        self._file.seek(self._second)
        self._flaw = None

    def __next__(self) -> str:
        self.read.append(text := self._next())
        if len(self.read) == 1:
            self._second = self.place.offset
        return text

    def _next(self) -> str:
        raw = self._file.readline(LINE_LIMIT + 1)
        if not raw:
            raise StopIteration
        encoding = "utf-8" if self.place.offset else "utf-8-sig"
        self.place.offset += len(raw)
        self.place.lines += 1
        if len(raw) > LINE_LIMIT:
            while raw and not raw.endswith(b"\n"):
                raw = self._file.readline(LINE_LIMIT)
                self.place.offset += len(raw)
            self._flaw = f"it is longer than {LINE_LIMIT:,} bytes"
            return "\n"
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError as error:
            self._flaw = f"it is not UTF-8 (byte {error.start + 1} of the line)"
            return raw.decode(encoding, errors="replace")

    def take_flaw(self) -> str | None:
        """What was wrong with a line read since the last call."""
        flaw, self._flaw = self._flaw, None
        return flaw


def read_ndjson(file: BinaryIO, place: Place) -> Iterator[Line | Rejected]:
    """The objects of the file from `place` on, which is advanced; blank lines are skipped."""
    physical = _Physical(file, place)
    for text in physical:
        if flaw := physical.take_flaw():
            yield Rejected(place.lines, flaw)
        elif not text.isspace():
            try:
                yield Line(place.lines, parse_object(text))
            except NotJson as error:
                yield Rejected(place.lines, f"it is no JSON object that can be read: {error.reason}")


def read_csv(
    file: BinaryIO, place: Place, delimiter: str, header: list[str], fits: Callable[[Line], bool] = lambda _: False
) -> Iterator[Line | Rejected]:
    """The rows of the file from `place` on, which is advanced; blank lines are skipped.

    A quote that is never closed, or is closed by a quote of a later row, must not swallow the rows between. So if a row
    of several lines is invalid, or a later line of it `fits` as a row by itself, only its first line counts as the row.
    """
    physical = _Physical(file, place)
    rows = csv.reader(physical, delimiter=delimiter, strict=True)
    while True:
        number = place.lines + 1
        physical.begin_record()
        try:
            cells = next(rows)
            found = _row(number, cells, header, physical.take_flaw())
        except StopIteration:
            return
        except csv.Error as error:
            found = Rejected(number, physical.take_flaw() or f"it is no CSV: {error}")
        if len(physical.read) > 1:
            if isinstance(found, Rejected):
                found = Rejected(number, f"a quote in it is not closed, or else {found.reason}")
                physical.back_to_second()
            elif _swallows(physical.read, number, delimiter, header, fits):
                found = Rejected(number, "a quote in it is closed in another row only")
                physical.back_to_second()
        if found is not None:
            yield found


def _row(number: int, cells: list[str], header: list[str], flaw: str | None) -> Line | Rejected | None:
    if flaw:
        return Rejected(number, flaw)
    if len(cells) == len(header):
        return Line(number, dict(zip(header, cells, strict=True)))
    return Rejected(number, f"it has {len(cells)} cells, and the header {len(header)}") if cells else None


def _swallows(texts: list[str], number: int, delimiter: str, header: list[str], fits: Callable[[Line], bool]) -> bool:
    """Whether a line after the record's first one is a row by itself."""
    for place, text in enumerate(texts[1:], 1):
        with suppress(csv.Error):
            cells = next(csv.reader([text], delimiter=delimiter, strict=True), [])
            if len(cells) == len(header) and fits(Line(number + place, dict(zip(header, cells, strict=True)))):
                return True
    return False


def csv_header(file: BinaryIO, delimiter: str, path: Path) -> tuple[list[str], Place]:
    """The names of the columns, and the place behind them. Raises `UnreadableFile`."""
    physical = _Physical(file, Place())
    try:
        header = next(csv.reader(physical, delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise UnreadableFile(str(path), f"its first line is no CSV header: {error}") from error
    flaw = physical.take_flaw()
    if flaw or not header:
        raise UnreadableFile(str(path), f"its first line has to name the columns{f'; {flaw}' if flaw else ''}")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise UnreadableFile(str(path), f"its header names the column {twice[0]!r} more than once")
    return header, physical.place
