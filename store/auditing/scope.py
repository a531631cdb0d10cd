"""Scopes: how much of the log and of a read model an audit looks at."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql as identifiers

from acci.domain.errors import AcciError
from acci.store.auditing.findings import EVERYWHERE, Place
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.values.storable import Unstorable, check_text

Key = tuple[str, ...]


class KeyDoesNotFit(AcciError):
    """A key was given with too many or too few values, or with one that its column cannot hold."""

    key: tuple[str, ...]
    columns: tuple[str, ...]

    sentence = "The key {key!r} does not fit: give one value for each of {columns:, }."


@dataclass(frozen=True)
class AuditScope:
    """What to look at: everything, unless narrowed.

    tenant_id: that tenant's. keys: rows with these keys; of the log, streams of (tenant_id, aggregate_id). since: what
    events recorded since then touched. one_in, offset: the keys of share `offset` of `one_in` shares.
    """

    tenant_id: str | None = None
    keys: tuple[Key, ...] = ()
    since: datetime | None = None
    one_in: int = 1
    offset: int = 0

    def __post_init__(self) -> None:
        if self.tenant_id is not None and (problem := check_text(self.tenant_id)):
            raise Unstorable("The tenant", "its name", f"{problem}.")

    @property
    def is_sampled(self) -> bool:
        return self.one_in > 1

    def places(self, columns: tuple[str, ...]) -> tuple[Place, ...]:
        """The places that are audited completely, for findings placed by `columns`; none for a sample."""
        if self.is_sampled or self.since is not None:
            return ()
        if self.keys:
            return tuple(dict(zip(columns, key, strict=True)) for key in self.keys)
        return EVERYWHERE if self.tenant_id is None else ({"tenant_id": self.tenant_id},)

    def check_keys(self, columns: tuple[str, ...]) -> None:
        """Raises `KeyDoesNotFit`."""
        for key in self.keys:
            if len(key) != len(columns) or any(map(check_text, key)):
                raise KeyDoesNotFit(key, columns)

    def __str__(self) -> str:
        parts = []
        if self.keys:
            parts.append(f"{len(self.keys)} keys" if len(self.keys) > 1 else "/".join(self.keys[0]))
        if self.tenant_id is not None:
            parts.append(f"tenant {self.tenant_id}")
        if self.since is not None:
            parts.append(f"changed since {self.since:%Y-%m-%d %H:%M}")
        if self.is_sampled:
            parts.append(f"one key in {self.one_in}")
        return ", ".join(parts) or "whole"


WHOLE = AuditScope()
STREAM = ("tenant_id", "aggregate_id")


def of_audited_events(connection: Connection, scope: AuditScope, query: str) -> bytes:
    """The query, in which `audited_events` are the events of whole streams, those of the scope; it takes parameters.

    No view is made, since a standby can make none.
    """
    compose, literal = identifiers.SQL, identifiers.Literal
    conditions: list[identifiers.Composable] = [compose("true")]
    if scope.tenant_id is not None:
        conditions.append(compose("tenant_id = {}").format(literal(scope.tenant_id)))
    if scope.keys:
        scope.check_keys(STREAM)
        streams = compose(", ").join(compose("({}, {})").format(*map(literal, key)) for key in scope.keys)
        conditions.append(compose("(tenant_id, aggregate_id) IN ({})").format(streams))
    if scope.is_sampled:
        share = compose("(hashtext(aggregate_id) & 2147483647) % {} = {}")
        conditions.append(share.format(literal(scope.one_in), literal(scope.offset)))
    if scope.since is not None:
        changed = compose(
            "(tenant_id, aggregate_type, aggregate_id) IN"
            " (SELECT tenant_id, aggregate_type, aggregate_id FROM acci.events WHERE position > {})"
        )
        conditions.append(changed.format(literal(position_before(connection, scope.since))))
    where = compose(" AND ").join(conditions)
    audited = compose("WITH audited_events AS NOT MATERIALIZED (SELECT * FROM acci.events WHERE {})").format(where)
    return f"{audited.as_string(connection).replace('%', '%%')}\n{query}".encode()


def position_before(connection: Connection, timestamp: datetime) -> int:
    """A position such that every event recorded since `timestamp` is above it."""
    row: tuple[Any, ...] | None = connection.execute(
        sql("auditing/scope:position_before"), {"timestamp": timestamp}
    ).fetchone()
    return int(row[0]) if row else 0
