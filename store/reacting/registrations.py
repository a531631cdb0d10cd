"""Registrations: where each reaction began, where it has come to, and whether it runs or is paused."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from acci.domain.errors import AcciError, UnknownName
from acci.domain.projections.code_digest import reading_of, source_of
from acci.domain.reactions import Reaction, Start
from acci.store.log import high_water
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue
from acci.store.values.timestamps import in_utc

RESTORED = (
    "the database is on another server or timeline than when it ran last: restored from a backup, or a promoted standby"
)


class NotRegistered(AcciError):
    """A reaction has never been started in this database."""

    reaction: str

    sentence = "{reaction} has never run here. Run `acci reactions register {reaction}`, or start `acci run react`."


class ReactionPaused(AcciError):
    """A reaction is paused: it neither decides nor delivers. `reason` is a phrase."""

    reaction: str
    reason: str

    sentence = "{reaction} is paused: {reason}. Look at `acci reactions show`, then `acci reactions resume {reaction}`."


class ReactionBusy(AcciError):
    """Another runner has the reaction now; nothing was done."""

    transient: ClassVar[bool] = False

    reaction: str

    sentence = "Another runner is deciding for {reaction}; this one left it alone. Wait for it to end."


class StartBeyondLog(AcciError):
    """A reaction was to begin after a position that the log does not have yet."""

    reaction: str
    position: int
    head: int

    sentence = "{reaction} cannot begin after position {position}: the log ends at {head}. Give a position up to that."


@dataclass(frozen=True)
class Registration:
    """A reaction as stored: it has decided every event in (begins, checkpoint] that is not parked."""

    reaction: str
    checkpoint: int
    begins: int
    rewind: int
    fingerprint: str
    server: str
    created_at: datetime
    advanced_at: datetime | None
    paused_at: datetime | None
    paused_by: str | None
    reason: str | None

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    def require_running(self) -> None:
        """Raises `ReactionPaused`."""
        if self.is_paused:
            raise ReactionPaused(self.reaction, self.reason or "somebody paused it")


def registered(connection: Connection) -> dict[str, Registration]:
    """All that were ever started, by name; also those whose class is gone."""
    return {row[0]: Registration(*row) for row in connection.execute(sql("reacting/reactions:all")).fetchall()}


def registration(connection: Connection, reaction: str) -> Registration:
    """Raises `NotRegistered`."""
    row = connection.execute(sql("reacting/reactions:one"), {"reaction": reaction}).fetchone()
    if row is None:
        raise NotRegistered(reaction)
    return Registration(*row)


def require_known(connection: Connection, catalogue: Catalogue, reaction: str) -> None:
    """Whether the domain or the database has it. Raises `UnknownName`."""
    if reaction not in catalogue.reactions and reaction not in (here := registered(connection)):
        raise UnknownName("reaction", reaction, (*catalogue.reactions, *here))


def lock(connection: Connection, reaction: str, wait: bool = False) -> Registration:
    """The reaction, whose only runner this is until the transaction ends.

    Raises `ReactionBusy`, unless it is to `wait`; `NotRegistered`.
    """
    statement = sql("reacting/reactions:lock_waiting" if wait else "reacting/reactions:lock")
    row = connection.execute(statement, {"reaction": reaction}).fetchone()
    if row is None:
        registration(connection, reaction)
        raise ReactionBusy(reaction)
    return Registration(*row)


def register(connection: Connection, reaction: type[Reaction], start: Start | None = None) -> Registration:
    """Have the reaction begin at `start`, or where its class says; one that is registered already stays as it is.

    At the head: what was committed before is left out, what is committed later is decided, and so is what is being
    appended now. Outside a transaction. Raises `StartBeyondLog`, `WrongTimestamp`.
    """
    mark = high_water.establish(connection)
    position = position_of(connection, reaction.name, reaction.begins_at if start is None else start, mark)
    arguments = {"reaction": reaction.name, "position": position, "fingerprint": fingerprint(reaction)}
    row = connection.execute(sql("reacting/reactions:register"), arguments).fetchone()
    return registration(connection, reaction.name) if row is None else Registration(*row)


def position_of(connection: Connection, reaction: str, start: Start, mark: high_water.HighWater) -> int:
    """The last position before `start`. Raises `StartBeyondLog`, `WrongTimestamp`."""
    if start == "head":
        return mark.position
    if start == "beginning":
        return 0
    if isinstance(start, datetime):
        bounds: dict[str, Any] = {"to": mark.position, "moment": in_utc(start)}
        row = connection.execute(sql("reacting/reactions:recorded_before"), bounds).fetchone()
        return int(row[0]) if row else 0
    if int(start) > mark.head:
        raise StartBeyondLog(reaction, int(start), mark.head)
    return int(start)


def prepare(connection: Connection, reactions: Iterable[type[Reaction]], after_promotion: bool = False) -> None:
    """Before they run: register those that are new; pause those that ran on another server or timeline.

    What ran on another one may be a restored backup: what was delivered since would be delivered again. With
    `after_promotion` only a change of the timeline is let pass.
    """
    known = registered(connection)
    here = str((connection.execute(sql("reacting/reactions:server")).fetchone() or ("",))[0])
    for reaction in reactions:
        found = known.get(reaction.name) or register(connection, reaction)
        same = found.server.rpartition("/")[0] == here.rpartition("/")[0] if after_promotion else found.server == here
        if not same and not found.is_paused:
            pause(connection, reaction.name, RESTORED)


def pause(connection: Connection, reaction: str, reason: str) -> bool:
    """Neither decide nor fire timers nor deliver from now on; what is being sent ends. False if it was paused already.

    Raises `NotRegistered`.
    """
    registration(connection, reaction)
    paused = connection.execute(sql("reacting/reactions:pause"), {"reaction": reaction, "reason": reason})
    return paused.rowcount > 0


def resume(connection: Connection, reaction: str) -> None:
    """Go on where it stopped, on this server. Raises `NotRegistered`."""
    registration(connection, reaction)
    connection.execute(sql("reacting/reactions:resume"), {"reaction": reaction})


def fingerprint(reaction: type[Reaction]) -> str:
    """Of the code that decides, its helpers and its events' upcasters: it changes with any of them."""
    meaning = "\n".join([source_of(reaction), *sorted(filter(None, map(reading_of, reaction.handles())))])
    return hashlib.sha256(meaning.encode()).hexdigest()[:16]
