"""What ACCI refuses, as one tree.

    AcciError
    ├── DefinitionError            a declaration in a domain package is wrong
    │   ├── ProjectionError        … in a projection, naming the rule
    │   └── CannotCompile          … an expression that SQL has no meaning for (domain/expressions/tree.py)
    ├── UnknownName                no command, event, projection, query … of that name
    ├── NotAList                   one text where a list of names is meant
    ├── UnknownNumber              no dead letter, no generation of that number
    ├── InvalidCommand             a command's data fails validation, by field
    ├── Refused                    an aggregate's rules say no (the domain error of a handler)
    ├── ConcurrencyError           the stream is not at the expected version
    └── CannotApply                a projection's rules have no answer to an event

`store` and `flows` grow their own branches from `AcciError` beside the code that raises them. Every error
carries its data as positional attributes, survives pickling (Prefect moves errors between processes), and makes
its sentence in `__str__`: what happened, to what, what to do next. `transient` says whether trying the same again
may help; nothing else is retried.
"""

from dataclasses import dataclass, fields
from typing import ClassVar


@dataclass(eq=False, repr=False)
class AcciError(Exception):
    """Anything that ACCI refuses; `str(error)` is a sentence for a person."""

    transient: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self.args = tuple(getattr(self, field.name) for field in fields(self))


@dataclass(eq=False, repr=False)
class DefinitionError(AcciError):
    """A declaration in a domain package cannot be used: `subject` names it, `reason` is a sentence."""

    subject: str
    reason: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason}"


@dataclass(eq=False, repr=False)
class ProjectionError(DefinitionError):
    """A projection's declaration cannot be used: `subject` is `Projection.rule`."""


@dataclass(eq=False, repr=False)
class UnknownName(AcciError):
    """Nothing of that `kind` (a command, a projection …) has that name; `known` lists those that exist."""

    kind: str
    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        known = f"Known: {', '.join(sorted(self.known))}." if self.known else "Is its domain named in ACCI_CONTEXTS?"
        return f"There is no {self.kind} named {self.name!r}. {known}"


@dataclass(eq=False, repr=False)
class NotAList(AcciError):
    """One text was given where a list of names is meant; its letters would be taken for names."""

    parameter: str
    given: str

    def __str__(self) -> str:
        return f"{self.parameter} is a list of names, and {self.given!r} is a text. Give ({self.given!r},)."


@dataclass(eq=False, repr=False)
class UnknownNumber(AcciError):
    """Nothing of that `kind` (a dead letter, a generation) has that number; `known` lists those that exist."""

    kind: str
    number: int
    known: tuple[int, ...]

    def __str__(self) -> str:
        known = f" Known: {', '.join(map(str, sorted(self.known)))}." if self.known else ""
        return f"There is no {self.kind} {self.number}.{known}"


@dataclass(eq=False, repr=False)
class InvalidCommand(AcciError):
    """A command's content fails validation; `problems` pairs each field (dotted path) with what is wrong."""

    command: str
    problems: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        listed = "; ".join(f"{field}: {why}" for field, why in self.problems)
        return f"{self.command} is not valid: {listed}. Correct it and send it again."


@dataclass(eq=False, repr=False)
class Refused(AcciError):
    """The aggregate's rules forbid the command in its present state; `reason` is a sentence."""

    command: str
    aggregate_id: str
    reason: str

    def __str__(self) -> str:
        return f"{self.command} was refused for {self.aggregate_id!r}: {self.reason}"


@dataclass(eq=False, repr=False)
class ConcurrencyError(AcciError):
    """The stream's version is not the one the append expected; nothing was stored.

    With both the same, the log was restored to other events meanwhile, or the command was handled before.
    """

    aggregate_id: str
    expected_version: int
    actual_version: int

    def __str__(self) -> str:
        expected = f"not at the expected {self.expected_version}"
        if self.actual_version == self.expected_version:
            expected = "but not as it was decided on"
        return f"{self.aggregate_id!r} is at version {self.actual_version}, {expected}. Load it again and decide again."


@dataclass(eq=False, repr=False)
class CannotApply(AcciError):
    """A projection's rules have no answer to the event at `position`; `reason` says what is missing or wrong."""

    projection: str
    position: int
    event_type: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.projection} cannot apply the {self.event_type} at position {self.position}: {self.reason}. "
            "Correct the rule, or bring the payload to today's shape with an upcaster."
        )


def said(error: BaseException) -> str:
    """The error's text, in characters that PostgreSQL can store and a terminal show, whoever's class it is."""
    try:
        return legible(str(error))
    except Exception as another:  # noqa: BLE001 the user's own class cannot say what it is
        return f"its text cannot be had ({type(another).__name__})"


def legible(text: str) -> str:
    """The text with NUL and lone surrogates, which PostgreSQL has not in texts, written as escapes."""
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
