"""Changes of read models: whether they need a rebuild or a backfill, and whether readers of the table can go on."""

from collections.abc import Iterator

from acci.store.contract.changes import Change, Verdict
from acci.store.contract.document import ColumnPart, Contract, ReadModelPart
from acci.store.generations.fingerprints import Definition, changes_beside
from acci.store.registry import Catalogue


def read_model_changes(old: Contract, new: Contract, catalogue: Catalogue) -> Iterator[Change]:
    """Each with its verdict: by the same parts as the fingerprint of a generation."""
    for name, before in old.read_models.items():
        if name not in new.read_models:
            do = "Keep it until nothing reads it."
            yield Change("read model", name, "it is gone", Verdict.BREAKS_READER, do)
            continue
        after = new.read_models[name]
        yield from _derived(name, before, after, catalogue)
        yield from _read(name, before, after)
    for name in new.read_models.keys() - old.read_models.keys():
        stored = _stored(new.read_models[name], catalogue)
        do = f"Run `acci run rebuild {name}`."
        yield Change("read model", name, "it is new", Verdict.REBUILD, do, events=stored)
    for name in old.suites.keys() | new.suites.keys():
        if name in new.read_models and old.suites.get(name) != new.suites.get(name):
            yield Change("suite", name, "its expectations changed", Verdict.COMPATIBLE)


def _derived(name: str, before: ReadModelPart, after: ReadModelPart, catalogue: Catalogue) -> Iterator[Change]:
    """What its rows need."""
    if before.parts == after.parts:
        return
    stored = _stored(after, catalogue)
    if columns := _only_new_columns(name, before, after, catalogue):
        options = "".join(f" --new-column {column}" for column in columns)
        what = f"new in it: {', '.join(columns)}"
        do = f"Run `acci run backfill {name}{options}`."
        yield Change("read model", name, what, Verdict.BACKFILL, do, events=stored)
        return
    found = Definition(after.parts, "").changes_from(before.parts)
    what, do = "; ".join(found), f"Run `acci run rebuild {name}`."
    yield Change("read model", name, what, Verdict.REBUILD, do, events=stored)


def _only_new_columns(name: str, before: ReadModelPart, after: ReadModelPart, catalogue: Catalogue) -> tuple[str, ...]:
    """The columns, if a backfill of them is enough, as the backfill itself decides it: else none."""
    columns = tuple(column for column in after.columns if column not in before.columns)
    spelled = [[(each.type, each.clauses) for each in of.values()] for of in (before.columns, _without(after, columns))]
    unchanged = spelled[0] == spelled[1] and before.rest == after.rest and all(each for each, _ in spelled[1])
    addable = all(_can_be_added(after.columns[column]) for column in columns)
    if not (columns and unchanged and addable):
        return ()
    return () if changes_beside(catalogue, catalogue.projections[name], before.parts, columns) else columns


def _without(part: ReadModelPart, columns: tuple[str, ...]) -> dict[str, ColumnPart]:
    return {name: column for name, column in part.columns.items() if name not in columns}


def _can_be_added(column: ColumnPart) -> bool:
    """Whether PostgreSQL adds it to a table that has rows."""
    return column.nullable or "default" in column.clauses.lower() or "generated" in column.clauses.lower()


def _read(name: str, before: ReadModelPart, after: ReadModelPart) -> Iterator[Change]:
    """What those who read the table meet."""
    keep = "Keep the column, and add another beside it."
    for column, was in before.columns.items():
        now = after.columns.get(column)
        if now is None:
            yield Change("read model", name, f"column {column} is gone", Verdict.BREAKS_READER, keep)
        elif now.type != was.type:
            what = f"column {column} is {now.type or 'of a type unknown here'} now, it was {was.type or 'unknown'}"
            yield Change("read model", name, what, Verdict.BREAKS_READER, keep)
        elif now.nullable and not was.nullable:
            yield Change("read model", name, f"column {column} may be NULL now", Verdict.BREAKS_READER, keep)
        elif now.sources != was.sources:
            what = f"column {column} comes from {', '.join(now.sources) or 'no event'} now"
            yield Change("read model", name, what, Verdict.COMPATIBLE)


def _stored(part: ReadModelPart, catalogue: Catalogue) -> tuple[str, ...]:
    return tuple(stored for event in part.events for stored in catalogue.events[event].stored_names())
