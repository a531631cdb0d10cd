"""Exports: the contract as JSON Schema files, for programs in any language."""

import json
from collections.abc import Iterator
from pathlib import Path

from acci.domain.errors import AcciError
from acci.store.contract.document import Contract
from acci.store.contract.shapes import Shape, accepted_shape, stored_shape
from acci.store.registry import Catalogue

INDEX = "index.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MADE_BY = "acci contract --json-schema"


class NotMadeByUs(AcciError):
    """There is something at the place of an export that no export made; nothing was written."""

    place: str

    sentence = "{place} was not made by `acci contract`, so it is left as it is. Name another place, or remove it."


def schemas(catalogue: Catalogue, contract: Contract) -> dict[str, Shape]:
    """Each schema by its file: `events/Name.json` is of today, `events/Name.1.json` of the older schema version 1."""
    return dict(sorted((f"{name}.json", {"$schema": _DIALECT, **shape}) for name, shape in _named(catalogue, contract)))


def _named(catalogue: Catalogue, contract: Contract) -> Iterator[tuple[str, Shape]]:
    for name, event in catalogue.events.items():
        yield f"events/{name}", stored_shape(event, prose=True)
        for version, shape in contract.events[name].shapes.items():
            if version != event.schema_version:
                yield f"events/{name}.{version}", {"title": f"{name}, schema version {version}", **shape}
    for name, (_, command) in catalogue.commands.items():
        yield f"commands/{name}", accepted_shape(command, prose=True)
    for name, query in catalogue.queries.items():
        yield f"queries/{name}.parameters", accepted_shape(query, prose=True)
        yield f"queries/{name}.row", stored_shape(query.answer, prose=True)


def write_schemas(folder: Path, found: dict[str, Shape]) -> None:
    """Afterwards the folder has these files and an index of them, and no others of an earlier export.

    Raises `NotMadeByUs`, `OSError`.
    """
    index = folder / INDEX
    for name in _of_earlier_export(folder):
        (folder / name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    listed = {"made_by": _MADE_BY, "files": list(found)}
    index.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
    for name, shape in found.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(shape, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _of_earlier_export(folder: Path) -> list[str]:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return []
    try:
        listed = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        names = [str(name) for name in listed["files"]] if listed["made_by"] == _MADE_BY else None
    except (OSError, ValueError, KeyError, TypeError):
        names = None
    if names is None or any(".." in Path(name).parts or Path(name).is_absolute() for name in names):
        raise NotMadeByUs(str(folder))
    return names
