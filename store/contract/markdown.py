"""The catalogue of the domain as a page in Markdown: a diagram, and each thing with its fields."""

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from acci.store.contract.document import Contract, ReactionPart
from acci.store.contract.exports import NotMadeByUs
from acci.store.contract.shapes import Shape, properties
from acci.store.registry import Catalogue

HEAD = "<!-- Made by `acci contract --markdown`. Changes by hand are lost. -->\n"


def write_page(file: Path, text: str) -> None:
    """Raises `NotMadeByUs`, `OSError`."""
    if file.is_file() and not file.read_bytes().startswith(HEAD.encode()):
        raise NotMadeByUs(str(file))
    file.write_text(text, encoding="utf-8")


def page(catalogue: Catalogue, contract: Contract) -> str:
    """The page's text: the same for the same code."""
    parts = [HEAD, "# Domain\n", *_diagram(contract)]
    for title, found in (
        ("Commands", _commands(catalogue, contract)),
        ("Events", _events(catalogue, contract)),
        ("Read models", _read_models(catalogue, contract)),
        ("Queries", _queries(catalogue, contract)),
        ("Reactions", _reactions(catalogue, contract)),
    ):
        if sections := list(found):
            parts += [f"## {title}\n", *sections]
    if contract.retired:
        parts += ["## Retired events\n", f"Readers skip them: {', '.join(contract.retired)}.\n"]
    return "\n".join(parts)


def _diagram(contract: Contract) -> Iterator[str]:
    """Commands, the events that they lead to, the read models that these change, and the reactions to them."""
    yield "```mermaid\nflowchart LR"
    for name in contract.events:
        yield f'    event_{name}(["{name}"])'
    for name, command in contract.commands.items():
        yield f'    command_{name}["{name}"]'
        yield from (f"    command_{name} --> event_{event}" for event in command.leads_to if event in contract.events)
    for name, read_model in contract.read_models.items():
        yield f'    read_model_{name}[("{name}")]'
        yield from (f"    event_{event} --> read_model_{name}" for event in read_model.events)
    for name, reaction in contract.reactions.items():
        yield f'    reaction_{name}{{{{"{name}"}}}}'
        yield from (f"    event_{event} --> reaction_{name}" for event in reaction.events if event in contract.events)
        yield from (f"    command_{each} -. refused .-> reaction_{name}" for each in _refusals(contract, reaction))
    yield "```\n"


def _commands(catalogue: Catalogue, contract: Contract) -> Iterator[str]:
    for name, part in contract.commands.items():
        led = f" Leads to {', '.join(part.leads_to)}." if part.leads_to else ""
        about = f"Decided by {part.aggregate}, named by `{part.aggregate_id_field}`.{led}"
        yield _section(name, catalogue.commands[name][1], about, _fields(part.shape))


def _events(catalogue: Catalogue, contract: Contract) -> Iterator[str]:
    for name, part in contract.events.items():
        about = f"Schema version {part.schema_version}."
        if part.formerly:
            about += f" Formerly {', '.join(part.formerly)}."
        if part.personal:
            about += f" Personal: {', '.join(f'`{field}`' for field in part.personal)}, of the person"
            about += f" in `{part.subject}`." if part.subject else " whose aggregate it is."
        yield _section(name, catalogue.events[name], about, _fields(part.shapes[part.schema_version]))


def _read_models(catalogue: Catalogue, contract: Contract) -> Iterator[str]:
    for name, part in contract.read_models.items():
        by = " Folded in Python." if part.folds_in_python else ""
        about = f"From {', '.join(part.events)}. Key: {', '.join(part.key)}.{by}"
        rows = [
            (f"`{column}`", of.type or "?", "yes" if of.nullable else "no", of.fold or "", ", ".join(of.sources))
            for column, of in part.columns.items()
        ]
        table = _table(("column", "type", "may be NULL", "fold", "comes from"), rows)
        yield _section(name, catalogue.projections[name], about, table)


def _queries(catalogue: Catalogue, contract: Contract) -> Iterator[str]:
    for name, part in contract.queries.items():
        about = "Answered by one row or none." if part.one else "Answered by a list of rows."
        rows = f"Parameters:\n\n{_fields(part.parameters)}\nA row:\n\n{_fields(part.row)}"
        yield _section(name, catalogue.queries[name], about, rows)


def _reactions(catalogue: Catalogue, contract: Contract) -> Iterator[str]:
    for name, part in contract.reactions.items():
        about = f"Its own streams are of {part.stream}. " + ("It has a state." if part.stateful else "It has no state.")
        if part.refusals:
            about += f" It decides if these are refused: {', '.join(part.refusals)}."
        rows = [
            (event, f"`{key}`" if key else "the aggregate's id", "yes" if event in part.decides_on else "no")
            for event, key in part.events.items()
        ]
        table = _table(("event", "key", "decides on it"), rows) if rows else "No events but its own.\n"
        yield _section(name, catalogue.reactions[name], about, table)


def _refusals(contract: Contract, reaction: ReactionPart) -> Iterator[str]:
    return (command for command in reaction.refusals if command in contract.commands)


def _section(name: str, thing: type, about: str, table: str) -> str:
    said = vars(thing).get("__doc__")
    prose = f"{inspect.cleandoc(said)}\n\n" if said else ""
    return f"### {name}\n\n{prose}{about}\n\n{table}"


def _fields(shape: Shape) -> str:
    required = shape.get("required", [])
    rows = [(f"`{name}`", _type(part), "yes" if name in required else "no") for name, part in properties(shape).items()]
    return _table(("field", "type", "required"), rows) if rows else "No fields.\n"


def _type(part: Any) -> str:
    """A field's type in a few words."""
    if "$ref" in part:
        return str(part["$ref"]).rpartition("/")[2]
    if choices := part.get("anyOf") or part.get("oneOf"):
        return " or ".join(map(_type, choices))
    if "const" in part or "enum" in part:
        return " or ".join(f"`{value}`" for value in part.get("enum", [part.get("const")]))
    kind = str(part.get("format") or part.get("type") or "anything")
    if kind == "array" and "items" in part:
        kind = f"list of {_type(part['items'])}"
    elif isinstance(part.get("additionalProperties"), dict):
        kind = f"map to {_type(part['additionalProperties'])}"
    bounds = [f"{_words(name)} {value}" for name, value in part.items() if name not in _NO_BOUNDS]
    return f"{kind} ({', '.join(bounds)})" if bounds else kind


_NO_BOUNDS = {
    "type",
    "format",
    "default",
    "items",
    "prefixItems",
    "additionalProperties",
    "uniqueItems",
    "propertyNames",
}


def _words(name: str) -> str:
    """minLength as `min length`."""
    return re.sub("(?=[A-Z])", " ", name).replace("_", " ").lower()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(heads), *(tuple(_cell(each) for each in row) for row in rows)]
    rule = "|".join(" --- " for _ in lines[0])
    head, *others = (f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([head, f"|{rule}|", *others]) + "\n"
