"""Process managers: each stored state compared with what the events of its key fold to; a wrong one is dropped."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from acci.domain.personal import ERASED
from acci.domain.reactions import Reaction
from acci.store.auditing.checks import CheckContext
from acci.store.auditing.differing import differing
from acci.store.auditing.findings import Finding, Found, Severity
from acci.store.auditing.reaction_scope import asked_for, audited_reactions
from acci.store.auditing.repairs import RepairContext, Repaired
from acci.store.auditing.scope import WHOLE
from acci.store.encryption.payload_encryption import UNREADABLE
from acci.store.postgres.statements import sql
from acci.store.projecting.error_text import reason
from acci.store.reacting.deciding import Decider, State
from acci.store.reacting.keys_in_order import OUTSIDE
from acci.store.reacting.registrations import lock
from acci.store.reacting.states import Key, States

PAGE = 500  # keys in memory at a time


def check_processes(context: CheckContext) -> Iterator[Found]:
    """States that differ from their events. Those of an older class are computed again before they are used."""
    for reaction, here in audited_reactions(context):
        if reaction.is_stateful():
            yield from _Compared(context, reaction).differences(here.checkpoint)


class _Compared:
    """One reaction's stored states, beside those that its events give."""

    def __init__(self, context: CheckContext, reaction: type[Reaction]) -> None:
        self._context, self._reaction = context, reaction
        self._decider = Decider(context.catalogue, reaction)
        self._states = States(context.connection, reaction, self._decider)

    def differences(self, checkpoint: int) -> Iterator[Found]:
        asked = asked_for(self._context, self._reaction.name) | {"state_schema": self._states.schema, "page": PAGE}
        last: Key = ("", "")
        while True:
            asked |= {"after_tenant": last[0], "after_key": last[1]}
            rows = self._context.connection.execute(sql("auditing/reactions:states"), asked).fetchall()
            if not rows:
                return
            yield from self._page(rows, checkpoint)
            last = (rows[-1][0], rows[-1][1])

    def _page(self, rows: Sequence[tuple[Any, ...]], checkpoint: int) -> Iterator[Found]:
        keys = [(row[0], row[1]) for row in rows]
        try:
            expected = self._states.compute(keys, checkpoint)
        except (*OUTSIDE, psycopg.Error):
            raise
        except Exception as error:  # noqa: BLE001 any error of the user's code stops only its own key
            if len(rows) > 1:
                for row in rows:
                    yield from self._page([row], checkpoint)
                return
            problem = (
                f"The state cannot be checked: its events cannot be folded ({reason(error, self._decider.personal)})."
            )
            yield Found(self._place(keys[0]), Severity.WARNING, problem)
            return
        for key, (_, _, subject, text) in zip(keys, rows, strict=True):
            yield from self._one(key, subject, text, expected[key])

    def _one(self, key: Key, subject: str | None, text: str, expected: State) -> Iterator[Found]:
        try:
            stored = json.loads(self._states.plain(key, text))
        except (*UNREADABLE, ValueError) as error:
            stored = f"unreadable: {type(error).__name__}"
        if stored == ERASED:
            return  # computed again before it is used
        found = differing(stored, json.loads(expected.state.model_dump_json()))
        if subject != expected.subject:
            found["subject"] = {"stored": subject, "expected": expected.subject}
        if found:
            names = ", ".join(found)
            problem = f"The state of {self._reaction.name} for the key {key[1]} differs from its events in {names}."
            yield Found(self._place(key), Severity.ERROR, problem, {"columns": found})

    def _place(self, key: Key) -> dict[str, str | None]:
        return {"reaction": self._reaction.name, "tenant_id": key[0], "key": key[1]}


def repair_processes(context: RepairContext) -> Repaired:
    """The states are dropped, and computed again from the events when they are next needed."""
    left_alone: list[Finding] = []
    for name in sorted({each.place["reaction"] or "" for each in context.findings}):
        found = [each for each in context.findings if each.place["reaction"] == name]
        suspect = _suspect(context, name, found)
        left_alone += [each for each in found if _key(each) in suspect]
        keys = sorted({_key(each) for each in found} - suspect)
        with context.connection.transaction():
            lock(context.connection, name, wait=True)  # a batch under way would store what it loaded
            context.connection.execute(sql("reacting/processes:drop"), {"reaction": name, **_columns(keys)})
    return Repaired(WHOLE if context.without(left_alone) else None, left_alone)


def _suspect(context: RepairContext, reaction: str, found: Sequence[Finding]) -> set[Key]:
    """The keys whose events may have been changed."""
    suspects = context.suspects()
    keys = {_key(each) for each in found}
    if suspects.everything:
        return keys
    if not suspects.streams:
        return set()
    tenants, types, ids = (list(column) for column in zip(*suspects.streams, strict=True))
    asked = {"reaction": reaction, "stream_tenants": tenants, "stream_types": types, "stream_ids": ids}
    rows = context.connection.execute(sql("auditing/reactions:of_streams"), asked | _columns(keys)).fetchall()
    return {(row[0], row[1]) for row in rows}


def _key(finding: Finding) -> Key:
    return finding.place["tenant_id"] or "", finding.place["key"] or ""


def _columns(keys: set[Key] | list[Key]) -> dict[str, list[str]]:
    return {"tenant_ids": [tenant_id for tenant_id, _ in keys], "keys": [key for _, key in keys]}
