"""Lines: a file read record by record, with flat memory, whatever is in it."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from store.importing.problems import Rejected, UnreadableFile
from store.importing.sources import Record
from store.strict_json import NotJson, parse_object

LINE_LIMIT = 4_000_000  # bytes; a payload has to be far shorter than that
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
    """The lines of an open file as text; `flaw` says what was wrong with one read since `take_flaw`."""

    def __init__(self, file: BinaryIO, place: Place) -> None:
        self._file = file
        self._flaw: str | None = None
        self.place = place
        file.seek(place.offset)

    def __iter__(self) -> "_Physical":
        return self

    def __next__(self) -> str:
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
    """The objects of the file from `place` on, which moves along; blank lines are passed over."""
    physical = _Physical(file, place)
    for text in physical:
        if flaw := physical.take_flaw():
            yield Rejected(place.lines, flaw)
        elif not text.isspace():
            try:
                yield Line(place.lines, parse_object(text))
            except NotJson as error:
                yield Rejected(place.lines, f"it is no JSON object that can be read: {error.reason}")


def read_csv(file: BinaryIO, place: Place, delimiter: str, header: list[str]) -> Iterator[Line | Rejected]:
    """The rows of the file from `place` on, which moves along; blank lines are passed over."""
    physical = _Physical(file, place)
    rows = csv.reader(physical, delimiter=delimiter, strict=True)
    while True:
        number = place.lines + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield Rejected(number, physical.take_flaw() or f"it is no CSV: {error}")
            continue
        if flaw := physical.take_flaw():
            yield Rejected(number, flaw)
        elif len(cells) == len(header):
            yield Line(number, dict(zip(header, cells, strict=True)))
        elif cells:
            yield Rejected(number, f"it has {len(cells)} cells, and the header {len(header)}")


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
