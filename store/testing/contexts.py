"""The context that a class under test belongs to: the CONTEXT of its module, or of a package above it."""

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module

from acci.domain.commands import CommandData
from acci.domain.contexts import Context
from acci.domain.errors import DefinitionError
from acci.domain.events import EventData
from acci.domain.projections import Projection
from acci.domain.reactions import Reaction


def context_of_projection(projection: type[Projection]) -> Context:
    """The context that registers the projection. Raises `DefinitionError` if none above its module does."""
    way_out = "register it, or give table= with its SQL."
    return _context(projection, lambda context: projection in context.projections, way_out)


def context_of_command(command: type[CommandData]) -> Context:
    """The context with the aggregate that decides on the command. Raises `DefinitionError` if none above it has one."""
    way_out = "register the aggregate that decides on it."
    return _context(command, lambda context: command in (kind for _, kind in context.commands.values()), way_out)


def context_of_event(event: type[EventData]) -> Context:
    """The context that registers the event. Raises `DefinitionError` if none above its module does."""
    return _context(event, lambda context: event in context.events, "register it.")


def context_of_reaction(reaction: type[Reaction]) -> Context:
    """The context that registers the reaction. Raises `DefinitionError` if none above its module does."""
    return _context(reaction, lambda context: reaction in context.reactions, "register it.")


def only_reaction(events: Iterable[type[EventData]], is_meant: Callable[[type[Reaction]], bool]) -> type[Reaction]:
    """The only one it can be, in the contexts above these events. Raises `DefinitionError` unless it is one."""
    events = tuple(dict.fromkeys(events))
    found = {each for event in events for context in _above(event) for each in context.reactions if is_meant(each)}
    if len(found) == 1:
        return found.pop()
    names = sorted(each.__name__ for each in found)
    meant = f"{' and '.join(names)} could be meant" if names else "no reaction of their contexts could be meant"
    given = ", ".join(each.__name__ for each in events) or "No events"
    raise DefinitionError(given, f"{meant}; name one: reaction=….")


def _context(thing: type, has: Callable[[Context], bool], way_out: str) -> Context:
    found = next(filter(has, _above(thing)), None)
    if found is None:
        raise DefinitionError(thing.__name__, f"no CONTEXT above its module has it; {way_out}")
    return found


def _above(thing: type) -> Iterator[Context]:
    package = thing.__module__
    while package:
        context = getattr(import_module(package), "CONTEXT", None)
        if isinstance(context, Context):
            yield context
        package = package.rpartition(".")[0]
