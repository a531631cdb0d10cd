"""Code digest: the code that a fold runs, as text, so that a change anywhere in it is noticed."""

import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from pydantic import BaseModel

from acci.domain.events import EventData

_INSTALLED = tuple(str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib"))
_OURS = ("acci.domain", "acci.domain.projections", "acci.domain.expressions", "acci.domain.upcasters")  # packages
_PLAIN = (str, bytes, int, float, bool, Decimal, type(None))


def source_of(thing: type | Callable[..., Any]) -> str:
    """The source of a class or function, and of all functions, classes and constants that it uses, recursively.

    Installed packages, ACCI itself and the methods of events are left out: they have versions of their own.
    """
    first = _text(thing)
    found: dict[str, str] = {}
    open_ends = list(_named(thing))
    while open_ends:
        name, value = open_ends.pop()
        if name in found or value is thing:
            continue
        if isinstance(value, FunctionType | type):
            found[name] = _text(value)
            open_ends += _named(value)
        else:
            found[name] = _spelled(value)
    return "\n".join([first, *(f"{name}: {found[name]}" for name in sorted(found))])


def reading_of(event: type[EventData]) -> str:
    """How events of older versions and of former names are read, as text; empty if there are none."""
    steps = [{each.name: getattr(step, each.name) for each in fields(step)} for step in event.upcasters]
    former = f" formerly {_spelled(event.stored_names()[1:])}" if len(event.stored_names()) > 1 else ""
    return f"{event.event_type()} {event.schema_version} {_spelled(steps)}{former}" if steps or former else ""


def _text(thing: type | Callable[..., Any]) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):  # defined in an interactive shell: there is only bytecode
        return repr([(each.co_code, each.co_names, _spelled(each.co_consts)) for each in _codes(thing)])


def _named(thing: type | Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """The functions, classes and constants that the thing's code refers to, by their full names."""
    for function in _functions(thing):
        names = [name for code in _nested(function.__code__) for name in code.co_names]
        for name in names:
            value = function.__globals__.get(name)
            if isinstance(value, ModuleType):
                yield from (
                    (f"{name}.{inner}", vars(value)[inner]) for inner in names if _counts(vars(value).get(inner))
                )
            elif _counts(value) or (name in function.__globals__ and _is_plain(value)):
                yield f"{function.__module__}.{name}", value


def _counts(value: Any) -> bool:
    """Whether it is a function or class of the user's own domain."""
    if not isinstance(value, FunctionType | type) or (isinstance(value, type) and issubclass(value, BaseModel)):
        return False
    place = getattr(sys.modules.get(value.__module__), "__file__", None)
    if place is None:
        return value.__module__ == "__main__"
    ours = value.__module__.rpartition(".")[0] in _OURS
    return not ours and not any(str(Path(place).resolve()).startswith(folder) for folder in _INSTALLED)


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, tuple | list | set | frozenset):
        return all(map(_is_plain, value))
    return isinstance(value, (*_PLAIN, Enum))


def _spelled(value: Any) -> str:
    """A text that is the same for equal values in every process, unlike the repr of a set."""
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(_spelled, value)))}}}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_spelled, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_spelled(key)}: {_spelled(inner)}' for key, inner in value.items())}}}"
    return "" if isinstance(value, CodeType) else repr(value)


def _functions(thing: type | Callable[..., Any]) -> Iterator[FunctionType]:
    if isinstance(thing, FunctionType):
        yield thing
        return
    for member in vars(thing).values():
        bare = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if isinstance(bare, FunctionType):
            yield bare


def _codes(thing: type | Callable[..., Any]) -> Iterator[CodeType]:
    for function in _functions(thing):
        yield from _nested(function.__code__)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
