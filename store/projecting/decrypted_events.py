"""Decrypted events: compiled rules that use personal data read it, decrypted, from a temporary table.

Only projections that use personal fields pay for that. The table has the events of the batch, or those of the keys that
are re-derived, and is dropped with the transaction. The encryption keys are fetched each time, after the generation was
locked: an erasure takes the same lock, so no batch puts back what was erased.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from acci.domain.errors import DefinitionError
from acci.domain.events import by_stored_name
from acci.domain.expressions.tree import Call, Expression, Field
from acci.domain.personal import personal_fields
from acci.domain.projections import FoldProjection, Projection
from acci.domain.projections.rules import Action
from acci.store.compiling import statements
from acci.store.compiling.event_source import EVENTS, event_source
from acci.store.compiling.request import Request
from acci.store.encryption.payload_encryption import UNREADABLE, decrypt, prefetch_keys
from acci.store.postgres.database import Connection
from acci.store.postgres.keys import Keys
from acci.store.postgres.statements import sql

PAGE = 10_000  # events in memory at a time
NO_VERSION = 0  # no event has this shape: rules fail on it, as on any payload that cannot be read
DECRYPTED = event_source("decrypted_events")  # the temporary table, as a source for compiled statements


def uses_personal(projection: type[Projection]) -> bool:
    """Whether a rule uses a personal field, or a field that an upcaster may have made from one."""
    if issubclass(projection, FoldProjection):
        return any(map(personal_fields, projection.events()))
    for rule in projection.rules:
        personal = personal_fields(rule.event)
        values = [value for action in rule.actions for value in _values_of(action)]
        if personal and (rule.event.upcasters or any(_takes(value, personal) for value in values)):
            return True
    return False


def _values_of(action: Action) -> list[Expression]:
    return [*action.key.values(), *(fold.value for fold in action.columns.values())]


def _takes(value: Expression, personal: tuple[str, ...]) -> bool:
    if isinstance(value, Call):
        return any(_takes(argument, personal) for argument in value.arguments)
    return isinstance(value, Field) and value.path[0] == "data" and (len(value.path) == 1 or value.path[1] in personal)


def refuse_personal_keys(projection: type[Projection]) -> None:
    """Raises `DefinitionError` if a row's key is personal data: erased, the row would be another one."""
    for rule in projection.rules:
        personal = personal_fields(rule.event)
        for name, value in ((name, value) for action in rule.actions for name, value in action.key.items()):
            if personal and _takes(value, personal):
                raise DefinitionError(
                    f"The key {name} of {projection.name}",
                    f"it takes a personal field of {rule.event.event_type()}, which could not be erased; use an id.",
                )


def decrypt_range(connection: Connection, projection: type[Projection], after: int, upto: int) -> None:
    """Fill `decrypted_events` with the projection's events in (after, upto]. In the caller's transaction."""
    types = list(by_stored_name(projection.events()))
    _fill(connection, "log/events:page", {"to": upto, "event_types": types}, after)


def decrypt_affecting(connection: Connection, request: Request, parameters: dict[str, Any]) -> None:
    """Fill `decrypted_events` with the events that affect a row in the request's scope. In the caller's transaction."""
    query = statements.affecting_positions(replace(request, events=EVENTS))
    found = connection.execute(query.encode(), parameters).fetchall()
    _fill(connection, "projecting/decrypted_events:page_of_positions", {"positions": [row[0] for row in found]}, 0)


def _fill(connection: Connection, source: str, window: dict[str, Any], after: int) -> None:
    if connection.keys is not None:
        connection.keys.clear_cache()
    connection.execute(sql("projecting/decrypted_events:create"))
    connection.execute(sql("projecting/decrypted_events:empty"))
    while True:
        rows = connection.execute(sql(source), window | {"after": after, "page": PAGE}).fetchall()
        prefetch_keys((row[10] for row in rows), connection.keys)
        with connection.cursor().copy(sql("projecting/decrypted_events:copy")) as copy:
            for row in rows:
                copy.write_row(_decrypted_row(row, connection.keys))
        if len(rows) < PAGE:
            break
        after = rows[-1][0]
    connection.execute(sql("projecting/decrypted_events:analyze"))


def _decrypted_row(row: Sequence[Any], keys: Keys | None) -> tuple[Any, ...]:
    """The event's row for COPY; if its encrypted values were tampered with, with a payload that no rule can read."""
    try:
        return (*row[:10], decrypt(row[10], str(row[3]), keys), row[11])
    except UNREADABLE:
        return (*row[:5], NO_VERSION, *row[6:])
