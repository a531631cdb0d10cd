"""Pages of the reference that are made from Python: the public names, the rules' language, and the errors."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from typing import Any

import acci
import acci.domain
import acci.flows
import acci.store
from acci.domain.errors import AcciError
from tests.site.prose import as_markdown, own_docstring

VERBS = ("Insert", "Update", "Upsert", "Delete")
FOLDS = ("put", "add", "count", "keep", "minimum", "maximum")
FUNCTIONS = (
    "lower", "concat", "before", "after", "coalesce", "when", "is_null", "cast", "date_trunc", "local_date", "old",
)  # fmt: skip
# What the guides import beside the names of `acci`.
STORE = (
    "acci.store.registry:Catalogue",
    "acci.store.postgres.database:Database",
    "acci.store.log.event_store:EventStore",
    "acci.store.log.reading:EventReader",
    "acci.store.aggregates.loading:Loaded",
    "acci.store.aggregates.history:Change",
    "acci.store.monitoring.status:Status",
    "acci.store.testing.kit:Given",
    "acci.store.testing.decided:Decided",
    "acci.store.testing.projected:Projected",
    "acci.store.testing.reacted:Reacted",
    "acci.store.testing.strategies:events",
    "acci.store.testing.strategies:commands",
    "acci.store.testing.strategies:histories",
    "acci.store.settings:Settings",
    "acci.store.settings:Limits",
    "acci.store.telemetry:Tracing",
    "acci.flows.web:router",
    "acci.flows.web:Identity",
)
NO_DOCSTRING = {
    "ANY": "The expected version of an append or a command that its stream may be at any version.",
    "EXISTS": "The expected version of an append or a command whose stream must have an event.",
    "Personal": "`Personal[str]` or `Personal[str | None]`: a field of an event that is stored encrypted with a key of"
    " the person's own. Once the key is destroyed it reads `[erased]`.",
    "__version__": "The version of the installed package.",
}
RULES = """
What a projection's rules are written with. All of it is imported from `acci`. How to use it: [Add a read
model](../guides/add-a-read-model.md).
""".strip()
OWN = """
The names with which a domain is written, and a program uses it. The verbs and functions of rules have [a page of their
own](verbs-and-functions.md).
""".strip()
OF_STORE = """
What an application is made of, what it answers, the test kit, and the web API. Each is imported from the module that is
named.
""".strip()
REFUSALS = """
What ACCI refuses is an `AcciError`. Its text says what happened, to what, and what to do next. It carries its data as
fields and can be pickled. *Transient* means that trying the same again may help; nothing else is retried. The command
line prints the text and ends with exit code 1; with `--json` as `{"error": …, "type": …}`.
""".strip()


def verbs_and_functions() -> str:
    """The page of the rules' language."""
    parts = ["# Verbs and functions", RULES]
    for title, names in (("Verbs", VERBS), ("Folds", FOLDS), ("Functions", FUNCTIONS)):
        parts += [f"## {title}", *(_entry(name, getattr(acci, name)) for name in names)]
    return "\n\n".join(parts) + "\n"


def python_api() -> str:
    """The page of every other public name."""
    listed = {*VERBS, *FOLDS, *FUNCTIONS}
    own = [name for name in acci.__all__ if name not in listed]
    parts = [
        "# Python API",
        "## `acci`",
        OWN,
    ]
    parts += [_entry(name, getattr(acci, name)) for name in own]
    parts += ["## `acci.store` and `acci.flows`", OF_STORE]
    for path in STORE:
        module, _, name = path.partition(":")
        parts.append(_entry(name, getattr(importlib.import_module(module), name), module))
    return "\n\n".join(parts) + "\n"


def errors() -> str:
    """The page of all errors, as a tree."""
    found = sorted(error_classes(), key=lambda kind: (len(kind.__mro__), kind.__name__))
    parts = [
        "# Errors",
        REFUSALS,
        "## The tree",
        "```text\n" + "\n".join(_tree(AcciError, found)) + "\n```",
        "## Each error",
    ]
    for kind in sorted(found, key=lambda kind: kind.__name__):
        names = ", ".join(f"`{field.name}`" for field in fields(kind))
        facts = [
            f"`{kind.__module__}`",
            *([f"fields: {names}"] if names else []),
            *(["transient"] if kind.transient else []),
        ]
        parts.append(f"### `{kind.__name__}`\n\n{as_markdown(own_docstring(kind))}\n\n{'; '.join(filter(None, facts))}")
    return "\n\n".join(parts) + "\n"


def undocumented() -> list[str]:
    """Public names, and errors, without a docstring of their own."""
    public = [*((name, getattr(acci, name)) for name in acci.__all__), *((k.__name__, k) for k in error_classes())]
    return sorted({name for name, thing in public if name not in NO_DOCSTRING and not own_docstring(thing)})


@cache
def error_classes() -> tuple[type[AcciError], ...]:
    """Every error that there is, wherever it is declared, and what they derive from."""
    for package in (acci.domain, acci.store, acci.flows):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)

    def below(kind: type[AcciError]) -> Iterable[type[AcciError]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    found: set[type[AcciError]] = {AcciError, *below(AcciError)}
    return tuple(kind for kind in found if kind.__module__.startswith("acci."))


def _tree(kind: type, among: list[type[AcciError]], depth: int = 0) -> list[str]:
    children = sorted((child for child in among if kind in child.__bases__), key=lambda child: child.__name__)
    lines = ["    " * depth + kind.__name__]
    for child in children:
        lines += _tree(child, among, depth + 1)
    return lines


def _entry(name: str, thing: Any, module: str = "acci") -> str:
    text = NO_DOCSTRING.get(name) or as_markdown(own_docstring(thing))
    parts = [f"### `{name}`"]
    if module != "acci":
        parts.append(f"```python\nfrom {module} import {name}\n```")
    if callable(thing) and name not in NO_DOCSTRING:
        parts.append(f"```text\n{name}{_signature(thing)}\n```")
    parts.append(text)
    if isinstance(thing, type):
        parts += [_method(method, found) for method, found in _methods(thing)]
    return "\n\n".join(parts)


def _methods(kind: type) -> list[tuple[str, Any]]:
    """The public methods that the class itself documents."""
    found = []
    for name, value in vars(kind).items():
        function = getattr(value, "__func__", value)
        if not name.startswith("_") and inspect.isfunction(function) and own_docstring(function):
            found.append((name, function))
    return found


def _method(name: str, function: Any) -> str:
    text = " ".join(as_markdown(own_docstring(function)).split("\n"))
    return f"- `{name}{_signature(function)}`: {text}"


def _signature(thing: Any) -> str:
    """Its parameters as it is called, a default that is no plain value is `…`."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return "(…)"
    found = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    signature = signature.replace(parameters=[_with_plain_default(parameter) for parameter in found])
    if isinstance(thing, type):
        signature = signature.replace(return_annotation=inspect.Signature.empty)
    return re.sub(r"\b(?:[a-z_]+\.)+(?=\w)|[+~](?=[A-Z])", "", str(signature))


class _Some:
    """Stands for a value that is not to be shown: a process's environment, say."""

    def __repr__(self) -> str:
        return "…"


def _with_plain_default(parameter: inspect.Parameter) -> inspect.Parameter:
    default = parameter.default
    if default is parameter.empty or default is None or isinstance(default, (bool, int, float, str)) or default == ():
        return parameter
    return parameter.replace(default=_Some())
