"""Which of a reaction's keys an audit looks at: the scope's, whose keys are of (tenant, key) here."""

from collections.abc import Iterator
from typing import Any

from acci.domain.reactions import Reaction
from acci.store.auditing.checks import CheckContext
from acci.store.auditing.scope import position_before
from acci.store.reacting.registrations import Registration, registered

COLUMNS = ("tenant_id", "key")


def audited_reactions(context: CheckContext) -> Iterator[tuple[type[Reaction], Registration]]:
    """Those that have run here, and whose class is there."""
    known = registered(context.connection)
    for name, reaction in sorted(context.catalogue.reactions.items()):
        if name in known:
            yield reaction, known[name]


def asked_for(context: CheckContext, reaction: str) -> dict[str, Any]:
    """The scope as parameters of `auditing/reactions`. Raises `KeyDoesNotFit`."""
    scope = context.scope
    scope.check_keys(COLUMNS)
    since = 0 if scope.since is None else position_before(context.connection, scope.since)
    return {
        "reaction": reaction,
        "tenant_id": scope.tenant_id,
        "tenant_ids": [tenant_id for tenant_id, _ in scope.keys] or None,
        "keys": [key for _, key in scope.keys] or None,
        "one_in": scope.one_in,
        "turn": scope.offset,
        "since": since,
    }
