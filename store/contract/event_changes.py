"""Changes of events: whether what is in the log can be read."""

from collections.abc import Iterator

from acci.domain.events import EventData
from acci.store.contract.changes import Change, Verdict, field_changes
from acci.store.contract.document import Contract, EventPart
from acci.store.contract.shapes import Shape, stored_shape
from acci.store.contract.trial import unread, untried_changes
from acci.store.registry import Catalogue


def event_changes(old: Contract, new: Contract, catalogue: Catalogue) -> Iterator[Change]:
    """Each with its verdict; what concerns stored events of several schema versions, once for each."""
    for name, before in old.events.items():
        stored = (name, *before.formerly)
        event = catalogue.stored.get(name)
        if event is not None:
            yield from _changes_of(name, before, new.events[event.event_type()], event)
        elif name in catalogue.retired:
            yield Change("event", name, "it is retired: readers skip it", Verdict.COMPATIBLE, events=stored)
        else:
            do = "Name it in the class that it became (`formerly`), or in its context's `retired`."
            yield Change("event", name, "no class reads it any more", Verdict.UPCASTER, do, events=stored)
    for name, after in new.events.items():
        if name not in old.events and not old.events.keys() & set(after.formerly):
            yield Change("event", name, "it is new", Verdict.COMPATIBLE)
    for name in sorted(set(old.retired) - set(new.retired) - catalogue.stored.keys()):
        do = "Name it in its context's `retired`."
        yield Change("event", name, "it is no longer retired", Verdict.UPCASTER, do, events=(name,))


def _changes_of(name: str, before: EventPart, after: EventPart, event: type[EventData]) -> Iterator[Change]:
    today, stored = event.event_type(), event.stored_names()
    if today != name:
        yield Change("event", today, f"it was called {name}", Verdict.COMPATIBLE, events=stored)
    readable = True
    for version, shape in before.shapes.items():
        problem, example = _problem(event, version, shape)
        if problem is not None:
            readable = False
            what = f"events of version {version} would not be read: {problem}"
            yield Change("event", today, what, Verdict.UPCASTER, _remedy(event, version), example, stored, (version,))
    for gone in sorted(set(before.formerly) - set(stored)):
        do = f'Keep "{gone}" in its `formerly`.'
        yield Change("event", today, f"it is no longer read as {gone}", Verdict.UPCASTER, do, events=(gone,))
    for field in before.personal:
        if field not in after.personal and field in event.model_fields:
            do = "What is stored stays encrypted, and rules would read it so: leave it Personal."
            yield Change("event", today, f"field {field} is not personal any more", Verdict.UPCASTER, do, events=stored)
    if readable:
        for what in _differences(before, after):
            yield Change("event", today, what, Verdict.COMPATIBLE, events=stored)


def _problem(event: type[EventData], version: int, shape: Shape) -> tuple[str | None, str | None]:
    refusal = unread(event, version, shape)
    if refusal is not None:
        return refusal.reason, refusal.example
    if version == event.schema_version:
        for name in untried_changes(shape, stored_shape(event)):
            return f"field {name} changed, and no value of it could be made up to try", None
    return None, None


def _remedy(event: type[EventData], version: int) -> str:
    if version > event.schema_version:
        return f"Set its schema_version to {version} again, or higher."
    if version < event.schema_version - len(event.upcasters):
        return f"Declare an upcaster from version {version}."
    if version == event.schema_version:
        return f"Raise its schema_version to {version + 1} and declare an upcaster from {version}."
    return f"Correct its upcaster from version {version}."


def _differences(before: EventPart, after: EventPart) -> Iterator[str]:
    if before.schema_version != after.schema_version:
        yield f"its schema version is {after.schema_version} now, it was {before.schema_version}"
    elif before.upcasters != after.upcasters:
        yield "its upcasters changed"
    yield from field_changes(before.shapes[before.schema_version], after.shapes[after.schema_version])
    for name in after.personal:
        if name not in before.personal:
            yield f"field {name} is personal now; what is stored stays as it is"
    if before.subject != after.subject:
        yield f"its subject is {after.subject or 'the aggregate'} now, it was {before.subject or 'the aggregate'}"
