"""The context that a class under test belongs to: the CONTEXT of its module, or of a package above it."""

from collections.abc import Callable
from importlib import import_module

from acci.domain.commands import CommandData
from acci.domain.contexts import Context
from acci.domain.errors import DefinitionError
from acci.domain.projections import Projection


def context_of_projection(projection: type[Projection]) -> Context:
    """The context that registers the projection. Raises `DefinitionError` if none above its module does."""
    way_out = "register it, or give table= with its SQL."
    return _context(projection, lambda context: projection in context.projections, way_out)


def context_of_command(command: type[CommandData]) -> Context:
    """The context with the aggregate that decides on the command. Raises `DefinitionError` if none above it has one."""
    way_out = "register the aggregate that decides on it."
    return _context(command, lambda context: command in (kind for _, kind in context.commands.values()), way_out)


def _context(thing: type, has: Callable[[Context], bool], way_out: str) -> Context:
    package = thing.__module__
    while package:
        context = getattr(import_module(package), "CONTEXT", None)
        if isinstance(context, Context) and has(context):
            return context
        package = package.rpartition(".")[0]
    raise DefinitionError(thing.__name__, f"no CONTEXT above its module has it; {way_out}")
