"""The check: every difference between a committed contract and today's code, each with what it needs."""

from collections.abc import Iterable, Sequence

from acci.store.contract.changes import Change, Verdict
from acci.store.contract.document import Contract, contract_of
from acci.store.contract.event_changes import event_changes
from acci.store.contract.reaction_changes import reaction_changes
from acci.store.contract.read_model_changes import read_model_changes
from acci.store.contract.request_changes import command_changes, query_changes
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.registry import Catalogue

_GRAVITY = {verdict: place for place, verdict in enumerate(Verdict)}


def check(committed: Contract, catalogue: Catalogue) -> list[Change]:
    """The changes, gravest first, then by name. Raises `ProjectionError` where a read model has no SQL file."""
    today = contract_of(catalogue, committed)
    found = [
        *event_changes(committed, today, catalogue),
        *command_changes(committed, today, catalogue),
        *read_model_changes(committed, today, catalogue),
        *query_changes(committed, today, catalogue),
        *reaction_changes(committed, today, catalogue),
    ]
    return sorted(found, key=lambda each: (-_GRAVITY[each.verdict], each.kind, each.name))


def exit_code(changes: Iterable[Change]) -> int:
    """That of the gravest; 0 if all are compatible."""
    return max((change.verdict.exit_code for change in changes), default=0)


def count_events(connection: Connection, changes: Sequence[Change]) -> list[int | None]:
    """How many events in the log each change concerns; None for one that concerns none by its nature."""
    stored = connection.execute(sql("log/events:shapes")).fetchall()

    def concerned(change: Change) -> int:
        return sum(
            events
            for event_type, version, events, *_ in stored
            if event_type in change.events and (not change.versions or version in change.versions)
        )

    return [concerned(change) if change.events else None for change in changes]
