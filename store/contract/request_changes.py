"""Changes of commands and queries: whether those who send the one, and ask and read the other, can go on."""

from collections.abc import Iterator

from pydantic import BaseModel

from acci.store.contract.changes import Change, Verdict, field_changes
from acci.store.contract.document import CommandPart, Contract, QueryPart
from acci.store.contract.shapes import Shape, properties, resolved
from acci.store.contract.trial import refused, untried_changes
from acci.store.registry import Catalogue


def command_changes(old: Contract, new: Contract, catalogue: Catalogue) -> Iterator[Change]:
    """Each with its verdict."""
    for name, before in old.commands.items():
        if name not in new.commands:
            do = "Keep the command until nothing sends it."
            yield Change("command", name, "it is gone", Verdict.BREAKS_SENDER, do)
            continue
        yield from _changes_of(name, before, new.commands[name], catalogue.commands[name][1])
    for name in new.commands.keys() - old.commands.keys():
        yield Change("command", name, "it is new", Verdict.COMPATIBLE)


def _changes_of(name: str, before: CommandPart, after: CommandPart, command: type[BaseModel]) -> Iterator[Change]:
    if before.aggregate != after.aggregate:
        what = f"{after.aggregate} decides on it now, it was {before.aggregate}: it goes to other streams"
        yield Change("command", name, what, Verdict.BREAKS_SENDER, "Give the other aggregate a command of its own.")
    if before.aggregate_id_field != after.aggregate_id_field:
        what = f"its aggregate is named by {after.aggregate_id_field} now, it was {before.aggregate_id_field}"
        yield Change("command", name, what, Verdict.BREAKS_SENDER, "Keep the field's name.")
    yield from _taken("command", name, before.shape, after.shape, command, Verdict.BREAKS_SENDER)
    if before.leads_to != after.leads_to:
        what = f"it leads to {', '.join(after.leads_to) or 'events that its decision does not name'} now"
        yield Change("command", name, what, Verdict.COMPATIBLE)


def query_changes(old: Contract, new: Contract, catalogue: Catalogue) -> Iterator[Change]:
    """Each with its verdict."""
    for name, before in old.queries.items():
        if name not in new.queries:
            do = "Keep the query until nothing asks it."
            yield Change("query", name, "it is gone", Verdict.BREAKS_READER, do)
            continue
        after = new.queries[name]
        yield from _taken(
            "query", name, before.parameters, after.parameters, catalogue.queries[name], Verdict.BREAKS_READER
        )
        yield from _answer_changes(name, before, after)
    for name in new.queries.keys() - old.queries.keys():
        yield Change("query", name, "it is new", Verdict.COMPATIBLE)


def _taken(
    kind: str, name: str, before: Shape, after: Shape, model: type[BaseModel], verdict: Verdict
) -> Iterator[Change]:
    """Whether what the shape allowed is accepted."""
    refusal = refused(model, before)
    do = "Give a new field a default, and keep what was accepted; or make another under a new name."
    if refusal is not None:
        yield Change(kind, name, f"what was accepted is refused: {refusal.reason}", verdict, do, refusal.example)
        return
    untried = list(untried_changes(before, after))
    for field in untried:
        yield Change(kind, name, f"field {field} changed, and no value of it could be made up to try", verdict, do)
    for what in field_changes(before, after) if not untried else ():
        yield Change(kind, name, what, Verdict.COMPATIBLE)


def _answer_changes(name: str, before: QueryPart, after: QueryPart) -> Iterator[Change]:
    keep = "Keep what is read, and add beside it; or make another query."
    if before.one is not after.one:
        what = f"it is answered by {'one row' if after.one else 'a list of rows'} now"
        yield Change("query", name, what, Verdict.BREAKS_READER, keep)
    old, new = properties(before.row), properties(after.row)
    for field, part in old.items():
        if field not in new:
            yield Change("query", name, f"its rows have no {field} any more", Verdict.BREAKS_READER, keep)
        elif not _is_within(resolved(new[field], after.row), resolved(part, before.row)):
            yield Change("query", name, f"its rows' {field} is of another type", Verdict.BREAKS_READER, keep)
    for field in new.keys() - old.keys():
        yield Change("query", name, f"its rows have {field} too", Verdict.COMPATIBLE)


def _is_within(new: object, old: object) -> bool:
    """Whether the new shape is one that the old one allows: the same, or one of several."""
    if not isinstance(new, dict) or not isinstance(old, dict):
        return new == old
    new, old = ({key: value for key, value in each.items() if key != "default"} for each in (new, old))
    if new == old or not old:
        return True
    if "anyOf" in new:
        return all(_is_within(each, old) for each in new["anyOf"])
    if "anyOf" in old:
        return any(_is_within(new, each) for each in old["anyOf"])
    return "enum" in new and "enum" in old and all(each in old["enum"] for each in new["enum"])
