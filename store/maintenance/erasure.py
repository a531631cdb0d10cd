"""Erasing a person: the key is destroyed, derived data is re-derived, and a search shows that nothing is left.

The order makes it safe. Once the key is destroyed, no batch can read the person's data. A batch that read it before
holds its generation's lock, so the rows are re-derived after it. After a crash, run it again: it does what is missing.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import sql as identifiers
from psycopg.types.json import Jsonb

from acci.domain.errors import AcciError
from acci.domain.events import EventData
from acci.domain.personal import ERASED, personal_fields
from acci.domain.projections import Projection
from acci.store.compiling.event_filter import Selection
from acci.store.embedded import log_files
from acci.store.encryption.payload_encryption import Tampered, decrypt, required
from acci.store.generations import generations, lifecycle
from acci.store.generations.generations import Generation
from acci.store.maintenance.erasing_reactions import ErasedReactions, erase_from_reactions
from acci.store.postgres.database import Connection
from acci.store.postgres.keys import Keys
from acci.store.postgres.statements import named, sql
from acci.store.projecting.affected_keys import collect_affected_keys, collected_keys
from acci.store.projecting.decrypted_events import uses_personal
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.projecting.rederiving import rederive
from acci.store.registry import Catalogue

SHORTEST_SEARCHED = 4  # characters: a shorter value would be found everywhere
CUT = 50  # characters: PostgreSQL's errors cut longer values


class NobodyToErase(AcciError):
    """No event speaks of the person, and there is no key."""

    tenant_id: str
    subject: str

    sentence = "The tenant {tenant_id!r} has no personal data of {subject!r}. Check both names."


@dataclass
class Erasure:
    """What was done for one person, and what is `left`, which must be nothing.

    `elsewhere` are rows of others that contain the same text, as two people may have one name. `texts` is what to look
    for outside of the database: the person's name and data. `logs` is how many places in log files were overwritten.
    """

    tenant_id: str
    subject: str
    events: int
    keys_destroyed: int
    rows: dict[str, int] = field(default_factory=dict)
    generations_dropped: int = 0
    snapshots: int = 0
    dead_letters: int = 0
    findings: int = 0
    commands: int = 0
    reactions: ErasedReactions = field(default_factory=ErasedReactions)
    artifacts: int | None = None  # None: not looked at
    logs: int | None = None
    left: dict[str, int] = field(default_factory=dict)
    elsewhere: dict[str, int] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list, repr=False)


@dataclass(frozen=True)
class _Mention:
    """An event with personal data of the person."""

    position: int
    id: str
    stream: tuple[str, str]
    data: type[EventData]
    text: str


def erase(
    connection: Connection, catalogue: Catalogue, tenant_id: str, subject: str, logs: Path | None = None
) -> Erasure:
    """Make the person's data unreadable, for good, wherever ACCI keeps it; in the folder `logs` too. Idempotent.

    The projections' other rows, and appends, are not blocked. Raises `NobodyToErase`, `NoKeyStore`.
    """
    keys = required(connection.keys)
    mentions = list(_mentions(connection, catalogue, tenant_id, subject))
    texts = [
        subject,
        *sorted({value for each in mentions for value in _values(each, keys) if len(value) >= SHORTEST_SEARCHED}),
    ]
    written_over = _write_over(logs, texts)  # before the key is destroyed: a rerun could not know what to search for
    done = Erasure(tenant_id, subject, len(mentions), keys.destroy(tenant_id, subject), texts=texts)
    if not mentions and not done.keys_destroyed:
        raise NobodyToErase(tenant_id, subject)
    positions = tuple(each.position for each in mentions)
    types = {each.data for each in mentions}
    for projection in catalogue.projections.values():
        if positions and types & set(projection.events()) and uses_personal(projection):
            _rederive(connection, projection, positions, done)
    _scrub(connection, mentions, done)
    done.reactions = erase_from_reactions(connection, tenant_id, subject, positions, _searched_texts(done))
    done.left |= dict(connection.execute(sql("maintenance/erasure:left"), _wanted(done, positions)).fetchall())
    if logs is not None:
        done.logs = written_over + _write_over(logs, texts)
        done.left |= {f"logs/{name}": count for name, count in log_files.containing(logs, _as_logged(texts)).items()}
    readable = sum(1 for each in mentions if any(value != ERASED for value in _values(each, keys)))
    if readable:
        done.left["events"] = readable
    return done


def _mentions(connection: Connection, catalogue: Catalogue, tenant_id: str, subject: str) -> Iterator[_Mention]:
    for event_type, data in catalogue.stored.items():
        if personal_fields(data):
            about = {"tenant_id": tenant_id, "event_type": event_type, "field": data.subject, "subject": subject}
            for position, event_id, kind, aggregate_id, text in connection.execute(
                sql("maintenance/erasure:events"), about
            ):
                yield _Mention(position, str(event_id), (kind, aggregate_id), data, text)


def _values(mention: _Mention, keys: Keys) -> list[str]:
    """The person's values in the event, as they can be read now."""
    try:
        payload, stored = json.loads(decrypt(mention.text, mention.id, keys)), json.loads(mention.text)
    except Tampered:  # it cannot be read
        return []
    return [value for name, value in payload.items() if isinstance(value, str) and value != stored[name]]


def _rederive(connection: Connection, projection: type[Projection], positions: tuple[int, ...], done: Erasure) -> None:
    """Re-derive the keys that these events affect; drop all other generations, which nothing re-derives."""
    others = [*generations.kept(connection, projection.name), *generations.rejected(connection, projection.name)]
    if (building := generations.building(connection, projection.name)) is not None:
        others.append(building)
    for each in others:
        lifecycle.discard(connection, each)
    done.generations_dropped += len(others)
    generation = generations.live(connection, projection.name)
    if generation is None:
        return
    with connection.transaction():
        live = LiveReadModel(connection, projection, generation)
        checkpoint = live.lock()
        done.rows[projection.name] = collect_affected_keys(
            connection, projection, live.table(), Selection(0, max(positions), positions=positions)
        )
        # Parked keys too: their rows must not keep the person's data until a retry.
        failed = rederive(live, map(list, collected_keys(connection)), checkpoint, parked_too=True).failed
        about = _about(projection, generation)
        removed = Jsonb([{"key": each.key} for each in failed])
        connection.execute(identifiers.SQL(sql("maintenance/erasure:remove_rows")).format(**about), {"keys": removed})
        found = connection.execute(
            identifiers.SQL(sql("maintenance/erasure:left_in_rows")).format(**about), {"texts": _searched_texts(done)}
        ).fetchone() or (0, 0)
    connection.execute(identifiers.SQL(sql("maintenance/erasure:clean")).format(**about), ())
    for kind, count in zip((done.left, done.elsewhere), found, strict=True):
        if count:
            kind[f"read.{projection.name}"] = count


def _about(projection: type[Projection], generation: Generation) -> dict[str, identifiers.Composable]:
    parts = (identifiers.SQL("t.{}::text").format(named(name)) for name in projection.key)
    table = named(generation.schema, projection.name)
    return {"key": identifiers.SQL(", ").join(parts), "table": table}


def _searched_texts(done: Erasure) -> list[str]:
    """The person's values as written in JSON; not the person's name, which is the rows' key."""
    return [json.dumps(value, ensure_ascii=False)[1:-1] for value in done.texts[1:] if value != ERASED]


def _write_over(logs: Path | None, texts: list[str]) -> int:
    return sum(log_files.overwrite(logs, _as_logged(texts)).values()) if logs is not None else 0


def _as_logged(texts: list[str]) -> list[str]:
    """The person's values as programs log them; longest first, since one may begin with another."""
    values = [text for text in texts[1:] if text != ERASED]
    written = {form for text in values for form in (text, text.replace('"', '""'))}
    written |= {json.dumps(text, ensure_ascii=form)[1:-1] for text in values for form in (False, True)}
    written |= {text[:CUT] for text in written}
    return sorted(written, key=len, reverse=True)


def _wanted(done: Erasure, positions: tuple[int, ...]) -> dict[str, object]:
    return {"tenant_id": done.tenant_id, "positions": list(positions), "texts": _searched_texts(done)}


def _scrub(connection: Connection, mentions: list[_Mention], done: Erasure) -> None:
    kinds, ids = [each.stream[0] for each in mentions], [each.stream[1] for each in mentions]
    about = {"tenant_id": done.tenant_id, "types": kinds, "ids": ids, "positions": [each.position for each in mentions]}
    done.snapshots = connection.execute(sql("maintenance/erasure:snapshots"), about).rowcount
    done.dead_letters = connection.execute(sql("maintenance/erasure:dead_letters"), about).rowcount
    done.commands = connection.execute(sql("maintenance/erasure:commands"), about).rowcount
    texts = {"texts": [json.dumps(done.subject, ensure_ascii=False), *_searched_texts(done)]}
    done.findings = connection.execute(sql("maintenance/erasure:findings"), texts).rowcount
    connection.execute(sql("maintenance/erasure:clean_findings"))
    connection.execute(sql("maintenance/erasure:chunks"), texts)
