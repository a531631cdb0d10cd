"""One more thing in a project: its files, beside those that are there. No file that exists is changed."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acci.domain.errors import AcciError, UnknownName
from acci.domain.events import EventData
from acci.flows.scaffold.kinds import Addition
from acci.flows.scaffold.names import UnusableName, aggregate_name, reaction_name, read_model_name
from acci.flows.scaffold.templates import rendered
from acci.store.registry import Catalogue

WIDTH = 120  # of a line in a project; its pyproject.toml says so


class NoPlace(AcciError):
    """The project has no package that a new module belongs to, or several; `problem` says why."""

    thing: str
    problem: str

    sentence = "There is no place for a new {thing}: {problem}."


class AlreadyThere(AcciError):
    """A file that would be made exists; nothing was changed."""

    file: str

    sentence = "{file} exists already, and nothing was changed. Choose another name, or move that file."


@dataclass(frozen=True)
class Place:
    """A project, and the package of the context that something is added to."""

    project: Path
    package: str
    folder: Path

    @classmethod
    def of(
        cls, project: Path, contexts: Sequence[str], catalogue: Catalogue, addition: Addition, context: str | None
    ) -> "Place":
        """That of the context with this name, or of the only one with a place. Raises `NoPlace`, `UnknownName`.

        `contexts` are the modules that the settings name, as the catalogue has them.
        """
        named = {each.name: module for each, module in zip(catalogue.contexts, contexts, strict=True)}
        if context is not None and context not in named:
            raise UnknownName("context", context, tuple(named))
        found = {}
        for name, module in named.items():
            folder = Path(str(sys.modules[module].__file__)).resolve().parent
            has_place = (folder / addition.package / "__init__.py").is_file()
            if has_place and folder.is_relative_to(project.resolve()) and context in (None, name):
                found[name] = cls(project, module, folder.relative_to(project.resolve()))
        if len(found) > 1:
            raise NoPlace(addition.value, f"{' and '.join(found)} each have one. Choose by --context")
        if not found:
            reason = (
                f"no context in {project} has a package {addition.package!r}. Make it, and give it to "
                "Context.of_packages, as the projects do that `acci new` makes"
            )
            raise NoPlace(addition.value, reason)
        return next(iter(found.values()))

    def write(self, addition: Addition, name: str, values: Mapping[str, str]) -> list[Path]:
        """Makes all of the files, or none; gives them relative to the project. Raises `AlreadyThere`."""
        files = dict(rendered(addition.value, self.folder, {"package": self.package, "name": name, **values}))
        for path in files:
            if (self.project / path).exists():
                raise AlreadyThere(str(path))
        made: list[Path] = []
        try:
            for path, content in files.items():
                (self.project / path).parent.mkdir(parents=True, exist_ok=True)
                with (self.project / path).open("x", encoding="utf-8") as file:
                    made.append(self.project / path)
                    file.write(content)
        except BaseException:  # Ctrl-C too
            for each in made:
                each.unlink()
            raise
        return list(files)


def add_aggregate(place: Place, catalogue: Catalogue, name: str) -> list[Path]:
    """An aggregate with two commands, two events and tests; its files. Raises `UnusableName`, `AlreadyThere`."""
    found, kind = aggregate_name(name)
    made = (f"Create{kind}", f"{kind}Created", f"Rename{kind}", f"{kind}Renamed")
    taken = {*catalogue.aggregates, *catalogue.stored, *catalogue.commands}.intersection((kind, *made))
    if taken:
        raise UnusableName(name, f"{min(taken)} is registered already")
    values = {
        "Name": kind,
        "article": "an" if found[0] in "aeiou" else "a",
        "imports": _import(f"{place.package}.{Addition.AGGREGATE.package}.{found}", sorted(made)),
    }
    return place.write(Addition.AGGREGATE, found, values)


def add_read_model(place: Place, catalogue: Catalogue, name: str, event: str | None) -> list[Path]:
    """A read model with a rule for `event`, or for the first of its context, its table and tests; its files.

    Raises `UnusableName`, `UnknownName`, `NoPlace`, `AlreadyThere`.
    """
    found, kind = read_model_name(name)
    if taken := {*catalogue.projections, *catalogue.stored, *catalogue.aggregates}.intersection((found, kind)):
        raise UnusableName(name, f"{min(taken)} is registered already")
    return _write_with_event(place, catalogue, Addition.READ_MODEL, (found, kind), event)


def add_reaction(place: Place, catalogue: Catalogue, name: str, event: str | None) -> list[Path]:
    """A reaction that sends a message for `event`, or for the first of its context, and tests; its files.

    Raises `UnusableName`, `UnknownName`, `NoPlace`, `AlreadyThere`.
    """
    found, kind = reaction_name(name)
    streams = {each.stream_type() for each in catalogue.reactions.values()}
    if taken := {*catalogue.reactions, *streams, *catalogue.stored, *catalogue.aggregates}.intersection((found, kind)):
        raise UnusableName(name, f"{min(taken)} is registered already")
    return _write_with_event(place, catalogue, Addition.REACTION, (found, kind), event)


def _write_with_event(
    place: Place, catalogue: Catalogue, addition: Addition, names: tuple[str, str], event: str | None
) -> list[Path]:
    found, kind = names
    of = catalogue.event(event) if event else _first_event(place, catalogue, addition)
    values = {
        "Name": kind,
        "Title": found.replace("_", " ").capitalize(),
        "Event": of.__name__,
        "event_module": of.__module__,
    }
    return place.write(addition, found, values)


def _first_event(place: Place, catalogue: Catalogue, addition: Addition) -> type[EventData]:
    for event in catalogue.events.values():
        if event.__module__.startswith(place.package + "."):
            return event
    reason = f"{place.package} has no event that it could be made of. Add an aggregate first"
    raise NoPlace(addition.value, reason)


def _import(module: str, names: Sequence[str]) -> str:
    """As ruff writes it."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])
