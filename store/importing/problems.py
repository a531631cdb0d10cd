"""What can be wrong with an import."""

from dataclasses import dataclass

from acci.domain.errors import AcciError


class BadLine(Exception):
    """One line cannot become an event; the reason is half a sentence. Never leaves `acci.store.importing`."""


@dataclass(frozen=True)
class Rejected:
    """A line that is no event. `number` counts the file's lines from 1; a CSV record is named by its first line."""

    number: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.reason}"


class InvalidMapping(AcciError):
    """The mapping file cannot be used; `problems` are half sentences."""

    file: str
    problems: tuple[str, ...]

    sentence = "The mapping {file} cannot be used: {problems:; }. Correct it and import again."


class UnreadableFile(AcciError):
    """The file to import cannot be read as what it is said to be."""

    file: str
    reason: str

    sentence = "{file} cannot be imported: {reason}."


class BadLines(AcciError):
    """Some lines cannot be stored, and nothing was; `listed` are the first of them."""

    file: str
    count: int
    listed: tuple[str, ...]

    def __str__(self) -> str:
        rest = self.count - len(self.listed)
        more = (f"… and {rest:,} more",) if rest else ()
        lines = "\n  ".join((*self.listed, *more))
        which = "1 line" if self.count == 1 else f"{self.count:,} lines"
        return f"{self.file}: {which} cannot be stored, so nothing was. Correct them and import again.\n  {lines}"


class AlreadyImported(AcciError):
    """The same content was imported before, whatever the file's name."""

    file: str
    imported_as: str
    when: str
    events: int

    sentence = "{file} has been imported already, as {imported_as} on {when} ({events:,} events). Nothing was stored."


class ImportBegun(AcciError):
    """An import of this file was begun and not finished; `way` says how it can go on."""

    file: str
    events: int
    way: str

    sentence = "An import of {file} was begun and has stored {events:,} events. {way}."


class ImportRunning(AcciError):
    """Another process imports the same content now."""

    file: str

    sentence = "{file} is being imported by another process. Wait for it to end."


class StreamsInUse(AcciError):
    """Other writers kept appending to the same streams, so the import's versions were taken; nothing was stored."""

    file: str

    sentence = (
        "Others append to the streams that {file} adds to; this part of it was not stored. "
        "Import again when they are quiet."
    )
