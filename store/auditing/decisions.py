"""Decisions: each made again by today's code, on the state that the events before led to, and compared."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from acci.domain.events import RecordedEvent
from acci.domain.reactions import Reaction
from acci.store.auditing.checks import CheckContext
from acci.store.auditing.findings import Found, Severity
from acci.store.auditing.reaction_scope import asked_for, audited_reactions
from acci.store.postgres.statements import sql
from acci.store.projecting.error_text import reason
from acci.store.reacting.deciding import Decider, State
from acci.store.reacting.effect_rows import contents_of, digest_of
from acci.store.reacting.handled_events import HandledEvents
from acci.store.reacting.keys_in_order import OUTSIDE
from acci.store.reacting.registrations import fingerprint

PAGE = 2_000  # events in memory at a time
KEY, DIGEST, CODE = -3, -2, -1  # where a row has them
EXAMPLES = 5


def check_decisions(context: CheckContext) -> Iterator[Found]:
    """What is decided otherwise today: each event that the same code decided, and how many that other code did."""
    for reaction, here in audited_reactions(context):
        yield from _Again(context, reaction).compare(here.checkpoint)


class _Again:
    """One reaction's decisions, made again. Nothing is encrypted or stored."""

    def __init__(self, context: CheckContext, reaction: type[Reaction]) -> None:
        self._context, self._reaction = context, reaction
        self._decider = Decider(context.catalogue, reaction)
        self._decoder = HandledEvents(context.connection, reaction).decoder
        self._today = fingerprint(reaction)
        self._changed: list[int] = []

    def compare(self, checkpoint: int) -> Iterator[Found]:
        for (_, key), of_key in groupby(self._decided(checkpoint), lambda each: (each[0].tenant_id, each[1][KEY])):
            yield from self._key(key, of_key)
        if self._changed:
            examples = ", ".join(map(str, self._changed[:EXAMPLES]))
            problem = (
                f"{self._reaction.name} would decide {len(self._changed):,} events otherwise by today's code than by "
                f"that which decided them, such as those at {examples}; the first decision stands."
            )
            details = {"events": len(self._changed), "positions": examples}
            yield Found({"reaction": self._reaction.name}, Severity.INFO, problem, details)

    def _decided(self, checkpoint: int) -> Iterator[tuple[RecordedEvent[Any], Sequence[Any]]]:
        asked = asked_for(self._context, self._reaction.name) | {"checkpoint": checkpoint}
        with self._context.connection.cursor(name="decided") as cursor:
            cursor.execute(sql("auditing/reactions:decided"), asked)
            while rows := cursor.fetchmany(PAGE):
                yield from zip(self._decoder.events([row[:KEY] for row in rows]), rows, strict=True)

    def _key(self, key: str, of_key: Iterator[tuple[RecordedEvent[Any], Sequence[Any]]]) -> Iterator[Found]:
        state = State(self._decider.reaction())
        for event, row in of_key:
            try:
                if self._decider.key_of(event) != key:
                    yield from self._otherwise(event, key, row, f"was decided for the key {key}, which is not its own")
                decision = self._decider.decide(event, key, state, 0)
                digest = digest_of(decision.effects, contents_of(decision.effects))
            except OUTSIDE:
                raise
            except Exception as error:  # noqa: BLE001 any error of the user's code stops only its own key
                why = reason(error, self._decider.personal)
                yield from self._otherwise(event, key, row, f"cannot be decided by today's code: {why}")
                if self._reaction.is_stateful():
                    return  # what comes after depends on it
                continue
            state = decision.after
            if row[DIGEST] and row[DIGEST] != digest:  # without one it is not compared: a person was erased
                yield from self._otherwise(event, key, row, "is decided otherwise by the code that decided it")

    def _otherwise(self, event: RecordedEvent[Any], key: str, row: Sequence[Any], how: str) -> Iterator[Found]:
        if row[CODE] != self._today:
            self._changed.append(event.position)
            return
        place = {
            "reaction": self._reaction.name,
            "tenant_id": event.tenant_id,
            "key": key,
            "position": str(event.position),
        }
        problem = (
            f"The {event.event_type} at position {event.position} {how}. The outcome was changed, or the reaction "
            "depends on more than the events; the first decision stands."
        )
        yield Found(place, Severity.WARNING, problem, {"event_type": event.event_type})
