"""Repairs: how what a check found is mended, by deriving it again from the events. Events are never changed.

A check carries its repair; which findings are repaired, and that the check is made again, is `repair`'s.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from acci.domain.events import StreamId
from acci.domain.projections import Projection
from acci.store.aggregates.repository import load
from acci.store.aggregates.snapshots import save_snapshot
from acci.store.auditing.findings import Finding
from acci.store.auditing.scope import WHOLE, AuditScope
from acci.store.auditing.suspect_streams import SuspectRows, SuspectStreams
from acci.store.generations.generations import Generation, NotBuilt
from acci.store.generations.live import on_live
from acci.store.generations.table_definition import require_fit
from acci.store.generations.view import repoint_view
from acci.store.log.decoding import Decoder
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.dead_letters import retry
from acci.store.projecting.live_read_model import LiveReadModel, lock
from acci.store.projecting.ranges import Key
from acci.store.projecting.rederiving import rederive
from acci.store.registry import Catalogue


@dataclass(frozen=True)
class RepairContext:
    """What a repair works on: `findings` of one check that are open, of one read model or of the log.

    `suspects` says which streams of the log were changed; it audits the log when it is first asked.
    """

    connection: Connection
    catalogue: Catalogue
    findings: Sequence[Finding]
    suspects: Callable[[], SuspectStreams]

    def projections(self) -> list[type[Projection]]:
        """Those that the findings name, by the read model that was checked or by their place."""
        names = {each.projection or each.place.get("projection") or "" for each in self.findings}
        return [self.catalogue.projection(name) for name in sorted(names & self.catalogue.projections.keys())]

    def without(self, left_alone: Sequence[Finding]) -> list[Finding]:
        """The findings but those that are left alone."""
        return [each for each in self.findings if each not in left_alone]


@dataclass(frozen=True)
class Repaired:
    """What was done: the check is to be made again in `scope` (None: nothing was changed).

    `left_alone` are the findings that were not repaired, since their events in the log were changed.
    """

    scope: AuditScope | None
    left_alone: Sequence[Finding] = ()


Repair = Callable[[RepairContext], Repaired]


def repair_rows(context: RepairContext) -> Repaired:
    """The rows whose keys the findings name are re-derived; the check is made again on these keys."""
    keys, left_alone = _rederive_rows(context)
    scope = AuditScope(keys=tuple(tuple(part or "" for part in key) for key in keys))
    return Repaired(scope if context.without(left_alone) else None, left_alone)


def repair_listed_rows(context: RepairContext) -> Repaired:
    """As `repair_rows`, for a check that finds rows by itself: the whole of it is made again."""
    _, left_alone = _rederive_rows(context)
    return Repaired(WHOLE if context.without(left_alone) else None, left_alone)


def _rederive_rows(context: RepairContext) -> tuple[list[tuple[str | None, ...]], list[Finding]]:
    """The keys that were re-derived, and the findings whose rows may depend on changed events."""
    projection = context.catalogue.projection(context.findings[0].projection or "")
    suspect = SuspectRows(context.connection, projection, context.suspects())
    left_alone = [each for each in context.findings if any(key in suspect for key in keys_of(projection, [each]))]
    keys = keys_of(projection, context.without(left_alone))
    if len(left_alone) < len(context.findings):
        rederive_rows(context.connection, context.catalogue, projection.name, [list(key) for key in keys])
    return keys, left_alone


def keys_of(projection: type[Projection], found: Iterable[Finding]) -> list[tuple[str | None, ...]]:
    """The keys of the rows that findings are about."""
    return [tuple(each.place[name] for name in projection.key) for each in found if {*projection.key} <= {*each.place}]


def rederive_rows(connection: Connection, catalogue: Catalogue, name: str, keys: Sequence[Key]) -> None:
    """Re-derive the rows of `keys` in the live read model, but those that are parked or cannot be derived. Atomic."""
    projection = catalogue.projection(name)

    def on(generation: Generation) -> None:
        require_fit(connection, catalogue, projection, generation)
        live = LiveReadModel(connection, projection, generation)
        with connection.transaction():
            rederive(live, keys, live.lock())

    on_live(connection, name, on)


def repair_parked_keys(context: RepairContext) -> Repaired:
    """The parked keys of the read models that the findings name are tried again, all of a read model together."""
    suspects = context.suspects()
    suspect = {each.name for each in context.projections() if SuspectRows(context.connection, each, suspects)}
    left_alone = [each for each in context.findings if each.place.get("projection") in suspect]
    for projection in context.projections():
        if projection.name not in suspect:
            retry(context.connection, context.catalogue, projection)
    return Repaired(WHOLE if context.without(left_alone) else None, left_alone)


def repair_snapshots(context: RepairContext) -> Repaired:
    """The streams are replayed; a wrong snapshot is replaced, or dropped if its stream has no such version."""
    left_alone = [each for each in context.findings if context.suspects().has_changed(each.place)]
    decoder = Decoder(context.catalogue.stored, context.catalogue.retired)
    streams = set()
    for each in context.without(left_alone):
        stream = StreamId(*(each.place[name] or "" for name in StreamId._fields))
        streams.add((stream.tenant_id, stream.aggregate_id))
        version = each.place.get("version")
        if version is not None:
            _replace_snapshot(context.connection, context.catalogue, decoder, stream, int(version))
    return Repaired(AuditScope(keys=tuple(sorted(streams))) if streams else None, left_alone)


def _replace_snapshot(
    connection: Connection, catalogue: Catalogue, decoder: Decoder, stream: StreamId, version: int
) -> None:
    aggregate = catalogue.aggregates.get(stream.aggregate_type)
    with connection.transaction():
        connection.execute(sql("aggregates/snapshots:drop"), stream._asdict() | {"version": version})
        if aggregate is None:
            return
        try:
            loaded = load(connection, decoder, aggregate, stream, version, snapshots=False)
            if loaded.version == version:
                save_snapshot(connection, stream, loaded.version, loaded.state)
        except psycopg.Error:
            raise
        except Exception:  # noqa: BLE001 loading it will say why; without a snapshot nothing misleads
            return


def repair_views(context: RepairContext) -> Repaired:
    """Readers are shown the live generations again."""

    def show(generation: Generation) -> None:
        with context.connection.transaction():
            lock(context.connection, generation)
            repoint_view(context.connection, generation, generation.read_model(context.connection))

    for projection in context.projections():
        with suppress(NotBuilt):  # what was found wrong is gone
            on_live(context.connection, projection.name, show)
    return Repaired(WHOLE)


def repair_outbox_heads(context: RepairContext) -> Repaired:
    """Each key with rows in the outbox has a head, whose next row is due now; a head without rows is gone."""
    columns = ("reaction", "tenant_id", "key")
    found = sorted({tuple(each.place[name] or "" for name in columns) for each in context.findings})
    reactions, tenant_ids, keys = (list(column) for column in zip(*found, strict=True))
    heads = {"reactions": reactions, "tenant_ids": tenant_ids, "keys": keys}
    with context.connection.transaction():
        context.connection.execute(sql("reacting/outbox:add_heads"), heads)  # those that are there are locked by it
        context.connection.execute(sql("auditing/reactions:drop_heads"), heads)
    return Repaired(WHOLE)
