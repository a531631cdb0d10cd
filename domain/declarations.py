"""What the modules of a package declare: classes and objects of one kind, found by importing the modules."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")


def modules_of(packages: Iterable[ModuleType]) -> list[ModuleType]:
    """The packages and every module in them, imported; a package's modules by name."""
    found = []
    for package in packages:
        inner = pkgutil.walk_packages(getattr(package, "__path__", ()), package.__name__ + ".")
        names = sorted(each.name for each in inner)
        found += [package, *(importlib.import_module(name) for name in names)]
    return found


def classes_in(modules: Iterable[ModuleType], kind: type[T]) -> Iterator[type[T]]:
    """The classes of that kind which the modules themselves define, in order.

    Not those that they import, and not a base of others: its name begins with an underscore.
    """
    for module in modules:
        for name, value in vars(module).items():
            is_own = isinstance(value, type) and value.__module__ == module.__name__ and value.__name__ == name
            if is_own and issubclass(value, kind) and not name.startswith("_"):
                yield value


def objects_in(modules: Iterable[ModuleType], kind: type[T]) -> Iterator[T]:
    """The objects of that kind which the modules name, each once."""
    seen: set[int] = set()
    for module in modules:
        values: Iterable[Any] = vars(module).values()
        for value in values:
            if isinstance(value, kind) and id(value) not in seen:
                seen.add(id(value))
                yield value
