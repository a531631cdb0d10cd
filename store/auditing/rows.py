"""Rows: a read model's whole table compared with what its events produce, by set operations."""

from collections.abc import Iterator

from psycopg import sql as identifiers

from acci.domain.errors import AcciError
from acci.store.auditing.checks import MOST, CheckContext, LeftOut
from acci.store.auditing.derivation import Derivation
from acci.store.auditing.findings import Found, Place, Severity
from acci.store.generations.table_definition import require_fit
from acci.store.postgres.statements import sql
from acci.store.projecting.live_read_model import LiveReadModel
from acci.store.projecting.ranges import Key
from acci.store.verifying.table_diff import Difference, TableDiff

MISSING, EXTRA, DIFFERENT = "missing", "extra", "different"


def check_rows(context: CheckContext) -> Iterator[Found]:
    """Rows that are missing, that no event produces, or that differ, with each column's stored and expected value.

    Raises `TooManyDeadLetters`.
    """
    live = context.of_read_model()
    connection, projection = live.connection, live.projection
    try:
        require_fit(connection, context.catalogue, projection, live.generation)
    except AcciError as refusal:
        raise LeftOut(str(refusal)) from refusal
    derivation = Derivation(live, context.scope)
    yield from derivation.fill()
    connection.execute(identifiers.SQL("ANALYZE {}").format(identifiers.Identifier("pg_temp", projection.name)))
    diff = TableDiff(projection.key, derivation.expected, derivation.stored, derivation.compared, derivation.conditions)
    found = diff.differences(connection, MOST + 1, derivation.parameters)
    ahead = _ahead(live, derivation, diff, [each.key for each in found])
    for each in found:
        place = dict(zip(projection.key, each.key, strict=True))
        yield _finding(place, each, tuple(each.key) in ahead)


def _finding(place: Place, difference: Difference, ahead: bool) -> Found:
    expected, stored = difference.before, difference.after
    if stored is None:
        details = {"kind": MISSING, "expected": expected}
        return Found(place, Severity.ERROR, "The row is missing: its events produce one.", details)
    if expected is None:
        details = {"kind": EXTRA, "stored": stored}
        return Found(place, Severity.ERROR, f"The row is extra: its events produce none{_since(ahead)}.", details)
    columns = {name: {"stored": stored[name], "expected": expected[name]} for name in difference.columns}
    problem = f"The row differs from what its events produce in {difference}{_since(ahead)}."
    return Found(place, Severity.ERROR, problem, {"kind": DIFFERENT, "columns": columns, "ahead": ahead})


def _since(ahead: bool) -> str:
    return ", but agrees with events beyond the checkpoint" if ahead else ""


def _ahead(
    live: LiveReadModel, derivation: Derivation, diff: TableDiff, keys: list[Key]
) -> set[tuple[str | None, ...]]:
    """Those of `keys` whose rows agree with the whole log: they are ahead of the checkpoint."""
    head = live.connection.execute(sql("log/events:last_position")).fetchone()
    if not keys or head is None or head[0] <= live.generation.checkpoint:
        return set()
    failed = list(derivation.derive(keys, head[0]))
    still = {tuple(each.key) for each in diff.differences(live.connection, parameters=derivation.parameters)}
    unknown = {tuple(found.place.values()) for found in failed}
    return {tuple(key) for key in keys} - still - unknown
