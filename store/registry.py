"""The catalogue: everything that the registered contexts bring, by name."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from acci.domain.aggregates import Aggregate
from acci.domain.commands import CommandData
from acci.domain.contexts import Context
from acci.domain.errors import DefinitionError, NotAList, UnknownName
from acci.domain.events import EventData, by_stored_name
from acci.domain.projections import Projection
from acci.domain.quality import Suite
from acci.domain.queries import Question
from acci.domain.reactions import OWN_EVENTS, Reaction

T = TypeVar("T")


@dataclass(frozen=True)
class Catalogue:
    """What is registered. Names are unique across contexts; `folders` has a projection's or query's SQL folder.

    `stored` has the events by every name under which they are in the log, former ones too, and those that ACCI itself
    stores for reactions; `retired` are the names of those that are skipped.
    """

    contexts: tuple[Context, ...]
    events: dict[str, type[EventData]] = field(init=False)
    stored: dict[str, type[EventData]] = field(init=False)
    retired: frozenset[str] = field(init=False)
    aggregates: dict[str, type[Aggregate]] = field(init=False)
    commands: dict[str, tuple[type[Aggregate], type[CommandData]]] = field(init=False)
    projections: dict[str, type[Projection]] = field(init=False)
    queries: dict[str, type[Question[Any]]] = field(init=False)
    reactions: dict[str, type[Reaction]] = field(init=False)
    suites: dict[str, Suite] = field(init=False)
    folders: dict[str, Path] = field(init=False)

    def __post_init__(self) -> None:
        def gather(kind: str, named: Callable[[Context], Iterable[tuple[str, T]]]) -> dict[str, T]:
            found: dict[str, T] = {}
            for context in self.contexts:
                for name, thing in named(context):
                    if name in found:
                        raise DefinitionError(f"Context {context.name}", f"its {kind} {name} exists in another.")
                    found[name] = thing
            return found

        def keep(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        keep("events", gather("event", lambda c: ((e.event_type(), e) for e in c.events)))
        stored = gather("event name", lambda c: ((n, e) for e in c.events for n in e.stored_names()))
        if taken := [each.event_type() for each in OWN_EVENTS if each.event_type() in stored]:
            raise DefinitionError(f"The event {taken[0]}", "that name is ACCI's own; give it another.")
        keep("stored", stored | {each.event_type(): each for each in OWN_EVENTS})
        keep("retired", frozenset(name for context in self.contexts for name in context.retired))
        if alive := sorted(self.retired & self.stored.keys()):
            raise DefinitionError(f"The event {alive[0]}", "it is retired, and a registered class has that name too.")
        keep("aggregates", gather("aggregate", lambda c: ((a.aggregate_type(), a) for a in c.aggregates)))
        keep("commands", gather("command", lambda c: c.commands.items()))
        keep("projections", gather("projection", lambda c: ((p.name, p) for p in c.projections)))
        keep("queries", gather("query", lambda c: ((q.name, q) for q in c.queries)))
        keep("reactions", gather("reaction", lambda c: ((r.name, r) for r in c.reactions)))
        streams = gather("reaction class", lambda c: ((r.stream_type(), r) for r in c.reactions))
        if same := sorted(streams.keys() & self.aggregates.keys()):
            raise DefinitionError(f"The reaction {same[0]}", "an aggregate has that name too; rename one.")
        keep("suites", gather("quality suite of", lambda c: ((s.projection.name, s) for s in c.suites)))
        keep(
            "folders",
            {p.name: c.sql for c in self.contexts for p in c.projections}
            | {q.name: c.sql for c in self.contexts for q in c.queries},
        )

    @property
    def renamed(self) -> dict[str, str]:
        """Events' former names, each with today's."""
        return {name: event.event_type() for name, event in self.stored.items() if name != event.event_type()}

    def event(self, name: str) -> type[EventData]:
        """Of today's name or a former one. Raises `UnknownName`."""
        if name not in self.stored:
            raise UnknownName("event", name, tuple(self.events))
        return self.stored[name]

    def stored_names(self, names: Iterable[str]) -> list[str]:
        """Under which names the events of these types are in the log. Raises `UnknownName` or `NotAList`."""
        wanted = several(names, "event_types")
        retired = [name for name in wanted if name in self.retired]
        return [*by_stored_name(self.event(name) for name in wanted if name not in self.retired), *retired]

    def aggregate(self, name: str) -> type[Aggregate]:
        """Raises `UnknownName`."""
        return known(self.aggregates, "aggregate", name)

    def projection(self, name: str) -> type[Projection]:
        """Raises `UnknownName`."""
        return known(self.projections, "projection", name)

    def command(self, name: str) -> tuple[type[Aggregate], type[CommandData]]:
        """The aggregate that decides on it, and its content's type. Raises `UnknownName`."""
        return known(self.commands, "command", name)

    def query(self, name: str) -> type[Question[Any]]:
        """Raises `UnknownName`."""
        return known(self.queries, "query", name)

    def reaction(self, name: str) -> type[Reaction]:
        """Raises `UnknownName`."""
        return known(self.reactions, "reaction", name)


def several(names: Iterable[T], parameter: str) -> tuple[T, ...]:
    """The names. Raises `NotAList` for a single text, whose letters they would be."""
    if isinstance(names, str):
        raise NotAList(parameter, names)
    return tuple(names)


def known(things: Mapping[str, T], kind: str, name: str) -> T:
    if name not in things:
        raise UnknownName(kind, name, tuple(things))
    return things[name]


def load(given: Iterable[str | Context]) -> Catalogue:
    """The catalogue of contexts, or of those in modules (as in ACCI_CONTEXTS). Raises `DefinitionError`, `NotAList`."""
    contexts = []
    for module in several(given, "contexts"):
        if isinstance(module, Context):
            contexts.append(module)
            continue
        if not isinstance(module, str):
            raise TypeError(f"{module!r:.100} is neither a Context nor the name of a module that has one.")
        if not all(part.isidentifier() for part in module.split(".")):
            raise DefinitionError(f"ACCI_CONTEXTS names {module}", "that is no module's name, as acci.domain.users is.")
        above = module.partition(".")[0]
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not (module + ".").startswith(error.name + "."):
                raise
            reason = (
                f"there is no such module. Correct it, or put {above} into your project's folder or one on PYTHONPATH."
            )
            raise DefinitionError(f"ACCI_CONTEXTS names {module}", reason) from error
        context = getattr(found, "CONTEXT", None)
        if not isinstance(context, Context):
            raise DefinitionError(f"ACCI_CONTEXTS names {module}", "it has no CONTEXT of type Context.")
        contexts.append(context)
    return Catalogue(tuple(contexts))
