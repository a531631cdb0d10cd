"""What ACCI refuses, as one tree, by the package that raises it.

    AcciError
    ├── domain             CannotApply, ConcurrencyError (StreamChanged), DefinitionError (CannotCompile,
    │                      ProjectionError), InvalidCommand, NotAList, Refused, UnknownName, UnknownNumber
    ├── flows/cli          CannotServe, NoOutput, NoPrefectServer, UnusableArgument, UnusableFile
    ├── flows/local        AlreadyRunning, LoginRefused, NoHome, NoSuchBlock, NotOurs, PrefectUnreachable
    │                      (RequestRefused), UnusableDeployments, UnusablePrefix, UnusableToken
    ├── flows/runtime      RedactedError
    ├── flows/scaffold     AlreadyThere, FolderInUse, NoPlace, NoWheel, UnusableName
    ├── flows/web          AddressRefused, UnusableRequest
    ├── store              MissingExtra
    ├── store/aggregates   SnapshotRefused, UnreadableEvent (UnregisteredEvent), WrongAggregate
    ├── store/application  ApplicationClosed, NoTenant
    ├── store/auditing     KeyDoesNotFit, LeftOut (DoesNotFit)
    ├── store/backfilling  NotOnlyNewColumns, Superseded
    ├── store/contract     NoContract, NotMadeByUs, UnusableContract
    ├── store/embedded     ForeignData, LogsClosed, NoDatabase, NoEmbeddedPostgres, NoSystemUser, PortTaken,
    │                      ServerDidNotStart, ServerDidNotStop
    ├── store/encryption   KeyMissing, KeyUnknown, NoKeyStore, Tampered, WrongMasterKey
    ├── store/generations  BuildGone, Busy, CheckpointBeyondLog, ColumnsInUse, NotBuilt, OlderRules, RebuildNeeded,
    │                      StillLive, TableAltered
    ├── store/importing    AlreadyImported, BadLines, ImportBegun, ImportRunning, InvalidMapping, StreamsInUse,
    │                      UnreadableFile
    ├── store/log          BulkRefused, CommandReused, DuplicateIds, EventIdTaken, MisplacedEvent, NoSuchStream,
    │                      NoTransaction, PayloadTooLarge, TenantNeeded, WrongBound
    ├── store/maintenance  NobodyToErase
    ├── store/postgres     BeyondLimits, Cancelled, Contended, Damaged, DatabaseLost, DatabaseUnreachable, IdleTooLong,
    │                      Locked, MadeBeforeBaseline, MigrationEdited, MigrationFailed, MigrationMissing, NoIdentity,
    │                      NoMemory, NoRoom, NoSession, NotAdmitted, NotAllowed, NotSecured, NotUnicode,
    │                      PoolExhausted, ReadOnlyServer, SchemaMissing, SequenceBehind, ServerTooOld, SharedSession,
    │                      TookTooLong, WrongSession
    ├── store/projecting   TooManyDeadLetters, WrongKey
    ├── store/reacting     NoDeadLetter, NoReason, NotDecidedYet, NotRegistered, ReactionBusy, ReactionPaused,
    │                      StartBeyondLog
    ├── store/reacting/senders  DeliveryFailed, DeliveryRefused
    ├── store/reading      InvalidQuery, NotApplicable, NotFinal, NotPublished, NotThereYet
    ├── store/rebuilding   GateClosed, NotPutBack, NothingKept, OtherRules, SwapBlocked
    ├── store/settings     SecretInFile, UnknownSetting, UnusableProject, UnusableTopic, WrongSetting
    ├── store/testing      SimulationRunning
    ├── store/values       NotJson, Unstorable, WrongTimestamp

Every error carries its data as positional attributes, survives pickling (Prefect moves errors between processes), and
is a sentence: what happened, to what, what to do next. `transient` says whether trying the same again may help; nothing
else is retried.
"""

from dataclasses import dataclass, fields
from string import Formatter
from typing import Any, ClassVar, dataclass_transform


class _Sentence(Formatter):
    """Formats as `str.format` does, and lists a tuple with its format between the items: `{changes:; }`."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, tuple) and format_spec:
            return format_spec.join(map(str, value))
        return str(super().format_field(value, format_spec))


@dataclass_transform(eq_default=False)
@dataclass(eq=False, repr=False)
class AcciError(Exception):
    """Anything that ACCI refuses; `str(error)` is a sentence for a person.

    A subclass is a dataclass by itself: its annotations are its fields, and `sentence` is formatted from them.

        class OutOfStock(Refused):
            missing: tuple[str, ...]

            sentence = "{reason} {missing:, } are lacking. Order less."
    """

    transient: ClassVar[bool] = False
    sentence: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" not in vars(cls):
            dataclass(eq=False, repr=False)(cls)

    def __post_init__(self) -> None:
        self.args = tuple(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        return _Sentence().vformat(self.sentence, (), vars(self)) if self.sentence else super().__str__()


class DefinitionError(AcciError):
    """A declaration in a domain package cannot be used: `subject` names it, `reason` is a sentence."""

    subject: str
    reason: str

    sentence = "{subject}: {reason}"


class ProjectionError(DefinitionError):
    """A projection's declaration cannot be used: `subject` is `Projection.rule`."""


class UnknownName(AcciError):
    """Nothing of that `kind` (a command, a projection …) has that name; `known` lists those that exist."""

    kind: str
    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        known = (
            f"Known: {', '.join(sorted(set(self.known)))}." if self.known else "Is its domain named in ACCI_CONTEXTS?"
        )
        return f"There is no {self.kind} named {self.name!r}. {known}"


class NotAList(AcciError):
    """One text was given where a list of names is meant; its letters would be taken for names."""

    parameter: str
    given: str

    sentence = "{parameter} is a list of names, and {given!r} is a text. Give ({given!r},)."


class UnknownNumber(AcciError):
    """Nothing of that `kind` (a dead letter, a generation) has that number; `known` lists those that exist."""

    kind: str
    number: int
    known: tuple[int, ...]

    def __str__(self) -> str:
        known = f" Known: {', '.join(map(str, sorted(self.known)))}." if self.known else ""
        return f"There is no {self.kind} {self.number}.{known}"


class InvalidCommand(AcciError):
    """A command's content fails validation; `problems` pairs each field (dotted path) with what is wrong."""

    command: str
    problems: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        listed = "; ".join(f"{field}: {why}" for field, why in self.problems)
        return f"{self.command} is not valid: {listed}. Correct it and send it again."


class Refused(AcciError):
    """The aggregate's rules forbid the command in its present state; `reason` is a sentence.

    A decision raises it with its reason alone; `command` and `aggregate_id` are filled in where it is handled.
    """

    reason: str

    command = ""
    aggregate_id = ""

    def of(self, command: str, aggregate_id: str) -> "Refused":
        """The same refusal, which now says of what."""
        self.command, self.aggregate_id = command, aggregate_id
        return self

    sentence = "{reason}"

    def __str__(self) -> str:
        said = super().__str__()
        return f"{self.command} was refused for {self.aggregate_id!r}: {said}" if self.command else said


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


class CannotApply(AcciError):
    """A projection's rules have no answer to the event at `position`; `reason` says what is missing or wrong."""

    projection: str
    position: int
    event_type: str
    reason: str

    sentence = (
        "{projection} cannot apply the {event_type} at position {position}: {reason}. "
        "Correct the rule, or bring the payload to today's shape with an upcaster."
    )


def said(error: BaseException) -> str:
    """The error's text, for any class, in characters that PostgreSQL can store and a terminal can show."""
    try:
        return legible(str(error))
    except Exception as another:  # noqa: BLE001 the user's own class cannot say what it is
        return f"its text cannot be had ({type(another).__name__})"


def legible(text: str) -> str:
    """The text with NUL and lone surrogates, which PostgreSQL cannot store, written as escapes."""
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
