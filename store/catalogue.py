"""The catalogue: everything that the registered contexts bring, by name."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from domain.aggregates import Aggregate
from domain.commands import CommandData
from domain.contexts import Context
from domain.errors import DefinitionError, UnknownName
from domain.events import EventData
from domain.projections import Projection
from domain.quality import Suite
from domain.queries import Query

T = TypeVar("T")


@dataclass(frozen=True)
class Catalogue:
    """What is registered. Names are unique across contexts; `folders` tells a projection's or query's SQL folder."""

    contexts: tuple[Context, ...]
    events: dict[str, type[EventData]] = field(init=False)
    aggregates: dict[str, type[Aggregate]] = field(init=False)
    commands: dict[str, tuple[type[Aggregate], type[CommandData]]] = field(init=False)
    projections: dict[str, type[Projection]] = field(init=False)
    queries: dict[str, type[Query]] = field(init=False)
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
        keep("aggregates", gather("aggregate", lambda c: ((a.aggregate_type(), a) for a in c.aggregates)))
        keep("commands", gather("command", lambda c: c.commands.items()))
        keep("projections", gather("projection", lambda c: ((p.name, p) for p in c.projections)))
        keep("queries", gather("query", lambda c: ((q.name, q) for q in c.queries)))
        keep("suites", gather("quality suite of", lambda c: ((s.projection.name, s) for s in c.suites)))
        keep(
            "folders",
            {p.name: c.sql for c in self.contexts for p in c.projections}
            | {q.name: c.sql for c in self.contexts for q in c.queries},
        )

    def aggregate(self, name: str) -> type[Aggregate]:
        """Raises `UnknownName`."""
        return known(self.aggregates, "aggregate", name)

    def projection(self, name: str) -> type[Projection]:
        """Raises `UnknownName`."""
        return known(self.projections, "projection", name)

    def command(self, name: str) -> tuple[type[Aggregate], type[CommandData]]:
        """The aggregate that decides on it, and its content's type. Raises `UnknownName`."""
        return known(self.commands, "command", name)

    def query(self, name: str) -> type[Query]:
        """Raises `UnknownName`."""
        return known(self.queries, "query", name)


def known(things: Mapping[str, T], kind: str, name: str) -> T:
    if name not in things:
        raise UnknownName(kind, name, tuple(things))
    return things[name]


def load(modules: Iterable[str]) -> Catalogue:
    """The catalogue of the contexts in `modules` (the setting ACCI_CONTEXTS). Raises `DefinitionError`."""
    contexts = []
    for module in modules:
        if not all(part.isidentifier() for part in module.split(".")):
            raise DefinitionError(f"ACCI_CONTEXTS names {module}", "that is no module's name, such as domain.users.")
        above = module.partition(".")[0]
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not (module + ".").startswith(error.name + "."):
                raise
            reason = f"there is no such module. Correct it, or put the folder that holds {above} on PYTHONPATH."
            raise DefinitionError(f"ACCI_CONTEXTS names {module}", reason) from error
        context = getattr(found, "CONTEXT", None)
        if not isinstance(context, Context):
            raise DefinitionError(f"ACCI_CONTEXTS names {module}", "it has no CONTEXT of type Context.")
        contexts.append(context)
    return Catalogue(tuple(contexts))
