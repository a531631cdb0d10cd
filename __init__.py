"""ACCI: event sourcing and CQRS on PostgreSQL, with read models that Prefect flows keep, rebuild and audit.

These are the names with which a domain is written, tested, and used by a program; each is imported when it is first
asked for. Not here: what runs projections (`acci.store`), and the flows (`acci.flows`). Begin with
`acci.domain.users`, the example, and `Application`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acci.domain.aggregates import Aggregate, decides, evolves
    from acci.domain.commands import Command, CommandData, CommandMetadata
    from acci.domain.contexts import Context
    from acci.domain.effects import After, Cancel, Message, Send, StartFlow
    from acci.domain.errors import AcciError, ConcurrencyError, DefinitionError, InvalidCommand, Refused
    from acci.domain.events import Event, EventData, EventMetadata, RecordedEvent, StreamId
    from acci.domain.personal import Personal
    from acci.domain.projections import (
        Delete,
        FoldProjection,
        Insert,
        Projection,
        Update,
        Upsert,
        add,
        after,
        before,
        cast,
        coalesce,
        concat,
        count,
        date_trunc,
        is_null,
        keep,
        local_date,
        lower,
        maximum,
        minimum,
        on,
        put,
        when,
    )
    from acci.domain.quality import Suite, expect, no_rows
    from acci.domain.queries import OneQuery, Query
    from acci.domain.reactions import CommandRefused, Reaction, reacts, refused
    from acci.domain.upcasting import Upcaster, old
    from acci.store.application.acting import acting_as
    from acci.store.application.application import Application
    from acci.store.application.asynchronous import AsyncApplication
    from acci.store.application.handled import Handled
    from acci.store.log.expected_version import ANY, EXISTS
    from acci.store.testing.histories import Happened
    from acci.store.testing.kit import given

__version__: str

_PROJECTIONS = (
    "Delete FoldProjection Insert Projection Update Upsert add after before cast coalesce concat count date_trunc"
    " is_null keep local_date lower maximum minimum on put when"
)
_MODULES = {
    "aggregates": "Aggregate decides evolves",
    "commands": "Command CommandData CommandMetadata",
    "contexts": "Context",
    "effects": "After Cancel Message Send StartFlow",
    "errors": "AcciError ConcurrencyError DefinitionError InvalidCommand Refused",
    "events": "Event EventData EventMetadata RecordedEvent StreamId",
    "personal": "Personal",
    "projections": _PROJECTIONS,
    "quality": "Suite expect no_rows",
    "queries": "OneQuery Query",
    "reactions": "CommandRefused Reaction reacts refused",
    "upcasting": "Upcaster old",
}
_OF_STORE = {
    "application.acting": "acting_as",
    "application.application": "Application",
    "application.asynchronous": "AsyncApplication",
    "application.handled": "Handled",
    "log.expected_version": "ANY EXISTS",
    "testing.histories": "Happened",
    "testing.kit": "given",
}
_MODULE_OF = {
    name: f"acci.{room}.{module}"
    for room, modules in (("domain", _MODULES), ("store", _OF_STORE))
    for module, names in modules.items()
    for name in names.split()
}

__all__ = [
    "ANY",
    "EXISTS",
    "AcciError",
    "After",
    "Aggregate",
    "Application",
    "AsyncApplication",
    "Cancel",
    "Command",
    "CommandData",
    "CommandMetadata",
    "CommandRefused",
    "ConcurrencyError",
    "Context",
    "DefinitionError",
    "Delete",
    "Event",
    "EventData",
    "EventMetadata",
    "FoldProjection",
    "Handled",
    "Happened",
    "Insert",
    "InvalidCommand",
    "Message",
    "OneQuery",
    "Personal",
    "Projection",
    "Query",
    "Reaction",
    "RecordedEvent",
    "Refused",
    "Send",
    "StartFlow",
    "StreamId",
    "Suite",
    "Upcaster",
    "Update",
    "Upsert",
    "__version__",
    "acting_as",
    "add",
    "after",
    "before",
    "cast",
    "coalesce",
    "concat",
    "count",
    "date_trunc",
    "decides",
    "evolves",
    "expect",
    "given",
    "is_null",
    "keep",
    "local_date",
    "lower",
    "maximum",
    "minimum",
    "no_rows",
    "old",
    "on",
    "put",
    "reacts",
    "refused",
    "when",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("acci")
    elif name in _MODULE_OF:
        value = getattr(import_module(_MODULE_OF[name]), name)
    else:
        raise AttributeError(f"module 'acci' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
