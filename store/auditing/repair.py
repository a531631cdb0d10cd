"""Repairing: what findings name is derived anew from the events, and looked at again. Events are never changed."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg

from acci.domain.events import StreamId
from acci.store.aggregates.loading import load
from acci.store.aggregates.snapshots import save_snapshot
from acci.store.auditing.audit import ROWS, SNAPSHOTS, Audited, all_checks, audit
from acci.store.auditing.findings import Finding, findings
from acci.store.auditing.read_models import SECOND_OPINION, keys_of
from acci.store.auditing.scope import WHOLE, Extent
from acci.store.auditing.suspect_streams import Doubtful, Doubts, doubts, of_streams, spoken
from acci.store.generations.generations import Generation, NotBuilt
from acci.store.generations.live import on_live
from acci.store.generations.table_definition import require_fit
from acci.store.generations.view import point_view
from acci.store.log.decoding import Decoder
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.appliers import applier_of
from acci.store.projecting.dead_letters import retry
from acci.store.projecting.poison_events import watching_out
from acci.store.projecting.ranges import Key, Span
from acci.store.projecting.rederiving import derive, lock
from acci.store.registry import Catalogue

VIEWS, PARKED = "views", "parked_keys"


@dataclass(frozen=True)
class Repaired:
    """What was done about one check's findings, and what the check said afterwards: `left` is what is still wrong.

    `left_alone` of these were not touched, since what they would be derived from was changed; `because` says how.
    """

    check: str
    projection: str | None
    found: int
    left: int
    audited: tuple[Audited, ...]
    left_alone: int = 0
    because: str = ""


def repair(
    connection: Connection, catalogue: Catalogue, projection: str | None = None, trust_log: bool = False
) -> list[Repaired]:
    """Mend what the open findings name, as far as it can be derived, and audit it again; with `projection` only its.

    Rows are derived anew, in a transaction that no batch runs beside; so are parked keys, which are released if they
    can be. Wrong snapshots are taken anew or dropped, and readers shown the live generation again. Whatever is wrong
    with the log stays, for a person to see, and so does what may rest on it, unless `trust_log`: the log's checks are
    made first. Raises `RebuildNeeded`, `TableAltered`, `Busy`.
    """
    todo = [
        (check, [each for each in found if (each.projection or "") == name])
        for check in _MENDED
        for found in (findings(connection, check, projection),)
        for name in sorted({each.projection or "" for each in found})
    ]
    doubtful = None
    if not trust_log and any(check != VIEWS for check, _ in todo):
        doubtful = doubts(connection, catalogue)
    return [_mended(connection, catalogue, check, found, doubtful) for check, found in todo]


def _mended(
    connection: Connection, catalogue: Catalogue, check: str, found: list[Finding], doubtful: Doubts | None
) -> Repaired:
    alone = [] if doubtful is None else _doubtful(connection, catalogue, check, found, doubtful)
    meant = [each for each in found if each not in alone]
    projection = found[0].projection
    again: tuple[Audited, ...] = ()
    if meant:
        extent = _MENDED[check](connection, catalogue, meant)
        again = (audit(connection, catalogue, all_checks(catalogue)[check], projection, extent),)
    still = {each.finding for each in findings(connection, check, projection)}
    left = sum(each.finding in still for each in found)
    because = spoken(doubtful.problems) if doubtful is not None and alone else ""
    return Repaired(check, projection, len(found), left, again, len(alone), because)


def _doubtful(
    connection: Connection, catalogue: Catalogue, check: str, found: list[Finding], doubtful: Doubts
) -> list[Finding]:
    """Those of the findings that would be mended from events that are in doubt."""
    if check == VIEWS or not (doubtful.everything or doubtful.streams):
        return []
    if check in (SNAPSHOTS, "snapshot_versions"):
        return [each for each in found if of_streams(doubtful, each.place)]
    names = {each.projection or each.place.get("projection") or "" for each in found} & catalogue.projections.keys()
    rows_of = {name: Doubtful(connection, catalogue.projection(name), doubtful) for name in names}
    if check == PARKED:  # all keys of a read model are tried again together
        return [each for each in found if rows_of.get(each.place.get("projection") or "")]
    projection = catalogue.projection(found[0].projection or "")
    rows = rows_of[projection.name]
    return [each for each in found if any(key in rows for key in keys_of(projection, [each]))]


Mend = Callable[[Connection, Catalogue, list[Finding]], Extent]


def rows(connection: Connection, catalogue: Catalogue, found: list[Finding]) -> Extent:
    """Derive the rows found wrong; the extent to look at again: their keys."""
    projection = catalogue.projection(found[0].projection or "")
    keys = keys_of(projection, found)
    derive_rows(connection, catalogue, projection.name, [list(key) for key in keys])
    return Extent(keys=tuple(tuple(part or "" for part in key) for key in keys))


def opinions(connection: Connection, catalogue: Catalogue, found: list[Finding]) -> Extent:
    """Derive the rows found wrong; the check looks at them again by itself."""
    rows(connection, catalogue, found)
    return WHOLE


def derive_rows(connection: Connection, catalogue: Catalogue, name: str, keys: Sequence[Key]) -> None:
    """Make the rows of `keys` in the live read model anew, but those that are parked or cannot be derived. Atomic."""
    projection = catalogue.projection(name)

    def again(generation: Generation) -> None:
        require_fit(connection, catalogue, projection, generation)
        with connection.transaction():
            checkpoint = lock(connection, generation)
            here = {"generation": generation.generation}
            parked = [row[0] for row in connection.execute(sql("projecting/parked_keys:of_generation"), here)]
            skipped = watching_out(connection, generation, Span(0, checkpoint)).skipped
            wanted = [key for key in keys if key not in parked]
            derive(connection, applier_of(connection, projection, generation), wanted, checkpoint, skipped)

    on_live(connection, name, again)


def parked_keys(connection: Connection, catalogue: Catalogue, found: list[Finding]) -> Extent:
    """Try the parked keys again; the whole of the check is looked at again, which costs nothing."""
    for name in sorted({each.place["projection"] or "" for each in found} & catalogue.projections.keys()):
        retry(connection, catalogue, catalogue.projection(name))
    return WHOLE


def snapshots(connection: Connection, catalogue: Catalogue, found: list[Finding]) -> Extent:
    """Replay the streams; a wrong snapshot gives way to a right one, or goes if its stream has no such version."""
    decoder = Decoder(catalogue.stored, catalogue.retired, connection.keys)
    streams = set()
    for each in found:
        stream = StreamId(*(each.place[name] or "" for name in StreamId._fields))
        streams.add((stream.tenant_id, stream.aggregate_id))
        version = each.place.get("version")
        if version is None:
            continue
        with connection.transaction():
            connection.execute(sql("aggregates/snapshots:drop"), stream._asdict() | {"version": int(version)})
            aggregate = catalogue.aggregates.get(stream.aggregate_type)
            if aggregate is None:
                continue
            try:
                loaded = load(connection, decoder, aggregate, stream, int(version), snapshots=False)
                if loaded.version == int(version):
                    save_snapshot(connection, stream, loaded.version, loaded.state)
            except psycopg.Error:
                raise
            except Exception:  # noqa: BLE001, S112 its events tell, or loading it: without a snapshot nothing misleads
                continue
    return Extent(keys=tuple(sorted(streams)))


def views(connection: Connection, catalogue: Catalogue, found: list[Finding]) -> Extent:
    """Show readers the live generations again."""

    def show(generation: Generation) -> None:
        with connection.transaction():
            lock(connection, generation)
            point_view(connection, generation, generation.read_model(connection))

    for name in {each.place["projection"] or "" for each in found} & catalogue.projections.keys():
        with suppress(NotBuilt):  # what was found wrong is gone
            on_live(connection, name, show)
    return WHOLE


_MENDED: dict[str, Mend] = {
    VIEWS: views,
    PARKED: parked_keys,
    ROWS: rows,
    SECOND_OPINION: opinions,
    SNAPSHOTS: snapshots,
    "snapshot_versions": snapshots,
}
