"""Suspect streams: those whose events were changed in the log, as audits say; repair does not derive from them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from acci.domain.events import StreamId, by_stored_name
from acci.domain.expressions.tree import Field
from acci.domain.projections import FoldProjection, Projection
from acci.store.auditing.findings import Finding
from acci.store.compiling.event_filter import Selection
from acci.store.compiling.given_keys import STREAM
from acci.store.generations import generations
from acci.store.postgres.database import Connection
from acci.store.postgres.statements import sql
from acci.store.projecting.affected_keys import collect_affected_keys, collected_keys
from acci.store.projecting.poison_events import is_poison

OF_THE_LOG = ("seals", "seal_chain", "stream_versions", "discarded_events")
Key = tuple[str | None, ...]


@dataclass(frozen=True)
class SuspectStreams:
    """The `streams` whose events were changed, or `everything` if it is not known whose.

    `problems` are the findings that say so, as sentences.
    """

    streams: frozenset[StreamId]
    everything: bool
    problems: tuple[str, ...]

    def has_changed(self, place: Mapping[str, str | None]) -> bool:
        """Whether a snapshot at this place is of a stream whose events were changed."""
        return self.everything or _stream(place) in self.streams


NOTHING_SUSPECT = SuspectStreams(frozenset(), False, ())


def find_suspect_streams(connection: Connection, found: Sequence[Finding]) -> SuspectStreams:
    """The streams that findings of the log's checks are about."""
    positions = {int(text) for each in found if (text := each.place.get("position") or "").isdecimal()}
    rows = connection.execute(sql("auditing/suspect_streams:streams"), {"positions": list(positions)}).fetchall()
    streams = {StreamId(*row[1:]) for row in rows}
    streams |= {_stream(each.place) for each in found if each.check == "stream_versions"}
    there = {row[0] for row in rows}
    # A missing event may be of any stream, and a changed seal no longer says what it sealed.
    lost = any(each.check == "seal_chain" or (each.check == "seals" and not _is_at(each, there)) for each in found)
    return SuspectStreams(frozenset(streams), lost, tuple(each.problem for each in found))


def _is_at(finding: Finding, there: set[int]) -> bool:
    position = finding.place.get("position") or ""
    return position.isdecimal() and int(position) in there


def _stream(place: Mapping[str, str | None]) -> StreamId:
    return StreamId(*(place[name] or "" for name in StreamId._fields))


class SuspectRows:
    """The keys of one read model whose rows may depend on changed events."""

    def __init__(self, connection: Connection, projection: type[Projection], found: SuspectStreams) -> None:
        self.everything = found.everything
        self._keys: set[Key] = set()
        generation = generations.live(connection, projection.name)
        if self.everything or not found.streams or generation is None:
            return
        streams = sorted(found.streams)
        if not _by_stream(projection):
            # Its keys are in the payloads: which row a changed event affected before cannot be known.
            handled = list(by_stored_name(projection.events()))
            asked = {"types": list({stream.aggregate_type for stream in streams}), "event_types": handled}
            row = connection.execute(sql("auditing/suspect_streams:handles_any"), asked).fetchone()
            self.everything = bool(row and row[0])
            return
        named = {"tenants": [s.tenant_id for s in streams], "types": [s.aggregate_type for s in streams]}
        named |= {"ids": [s.aggregate_id for s in streams]}
        positions = tuple(row[0] for row in connection.execute(sql("auditing/suspect_streams:positions"), named))
        try:
            with connection.transaction(force_rollback=True):
                which = Selection(0, generation.checkpoint, positions=positions or (0,))
                collect_affected_keys(connection, projection, generation.read_model(connection), which)
                self._keys = collected_keys(connection)
        except Exception as error:
            if not is_poison(error):
                raise
            self.everything = True

    def __contains__(self, key: Key) -> bool:
        return self.everything or key in self._keys

    def __bool__(self) -> bool:
        return self.everything or bool(self._keys)


def _by_stream(projection: type[Projection]) -> bool:
    """Whether every row is of one stream, known without looking into payloads."""
    if issubclass(projection, FoldProjection):
        return projection.keys is FoldProjection.keys
    values = (value for rule in projection.rules for action in rule.actions for value in action.key.values())
    return all(isinstance(value, Field) and value.path in STREAM for value in values)


def in_one_line(problems: Iterable[str], most: int = 3) -> str:
    """The first of the problems, in one line."""
    listed = list(problems)
    more = f" And {len(listed) - most:,} more." if len(listed) > most else ""
    return " ".join(listed[:most]) + more
