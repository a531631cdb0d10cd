"""The mapping: a small TOML or YAML file that says how a line becomes an event."""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator

from acci.domain.events import EventData
from acci.domain.expressions.kinds import kind_of_annotation
from acci.store.importing.problems import InvalidMapping
from acci.store.importing.sources import Source
from acci.store.registry import Catalogue
from acci.store.values.pydantic_errors import problems_of

Fields = dict[str, Source]
ANY = "*"


def _shape(given: Any) -> str:
    """A payload's part is one source, or fields with a source each; a source's own column is never a table."""
    if isinstance(given, dict) and not isinstance(given.get("column", given.get("constant", {})), str | list | tuple):
        return "fields"
    return "source"


Payload = Annotated[Annotated[Source, Tag("source")] | Annotated[Fields, Tag("fields")], Discriminator(_shape)]


class Mapping(BaseModel):
    """How a line becomes an event.

    data: the payload, by event type; `*` stands for those not named. Either its fields with their sources, or one
    source that is the whole object. A single source for all types may stand in place of the table.
    order: how the versions of a stream follow one another: as the lines of the file do, or by their timestamps.
    id: the event's id; by default made of the file's content and the line's number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["csv", "ndjson"] | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    order: Literal["file", "timestamp"] = "file"
    tenant_id: Source
    aggregate_type: Source
    aggregate_id: Source
    event_type: Source
    timestamp: Source
    id: Source | None = None
    user_id: Source | None = None
    correlation_id: Source | None = None
    causation_id: Source | None = None
    data: dict[str, Payload] = Field(default_factory=dict)

    @field_validator("data", mode="before")
    @classmethod
    def _one_for_all(cls, given: Any) -> Any:
        return {ANY: given} if isinstance(given, str | list) else given

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of what the mapping says, comments and layout apart."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).digest()

    def payload(self, event: type[EventData]) -> Source | Fields | None:
        """What it says of the event, under today's name or a former one."""
        return next((self.data[name] for name in (*event.stored_names(), ANY) if name in self.data), None)

    def columns(self) -> list[Source]:
        """Every source that names a column."""
        sources: list[Source] = [s for _, s in self if isinstance(s, Source)]
        for part in self.data.values():
            sources.extend([part] if isinstance(part, Source) else part.values())
        return [source for source in sources if source.column is not None]

    def event_types(self) -> list[str] | None:
        """The event types that lines can become; None if the lines themselves name them."""
        source = self.event_type
        if source.constant is not None:
            return [str(source.constant)]
        if source.values is None:
            return None
        named = [*source.values.values(), *([] if source.otherwise is None else [source.otherwise])]
        return list(dict.fromkeys(str(name) for name in named))


def load_mapping(file: Path, catalogue: Catalogue) -> Mapping:
    """The mapping in `file`, checked against the registered events. Raises `InvalidMapping`."""
    try:
        mapping = Mapping.model_validate(_parsed(file))
    except ValidationError as error:
        listed = tuple(f"{field}: {why}" for field, why in problems_of(error))
        raise InvalidMapping(str(file), listed) from error
    types = mapping.event_types()
    named = dict.fromkeys([*(name for name in mapping.data if name != ANY), *(types or ())])
    unknown = [name for name in named if name not in catalogue.stored]
    problems = [f"no event {name!r} is registered (see ACCI_CONTEXTS)" for name in unknown]
    checked = [
        catalogue.stored[name] for name in (mapping.data if types is None else types) if name in catalogue.stored
    ]
    problems += [why for event in dict.fromkeys(checked) for why in _mismatches(event, mapping.payload(event))]
    if problems:
        raise InvalidMapping(str(file), tuple(problems))
    return mapping


def takes_null(event: type[EventData], field: str) -> bool:
    """Whether the event's field may be None."""
    return kind_of_annotation(event.model_fields[field].annotation)[1]


def _mismatches(event: type[EventData], payload: Source | Fields | None) -> list[str]:
    if isinstance(payload, Source):
        return []
    name, given = event.event_type(), payload or {}
    missing = [f for f, info in event.model_fields.items() if info.is_required() and f not in given]
    problems = [f"{name} has no field {field!r}; it has {', '.join(event.model_fields) or 'none'}"
                for field in given if field not in event.model_fields]  # fmt: skip
    return problems + [f"data.{name} says nothing of the required field {field!r}" for field in missing]


def _parsed(file: Path) -> Any:
    import yaml

    try:
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix == ".toml":
            return tomllib.loads(text)
        if file.suffix in (".yaml", ".yml"):
            return yaml.safe_load(text)
    except OSError as error:
        raise InvalidMapping(str(file), (error.strerror or "it cannot be read",)) from error
    except (tomllib.TOMLDecodeError, yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InvalidMapping(str(file), (" ".join(str(error).split()),)) from error
    raise InvalidMapping(str(file), ("its name ends neither in .toml nor in .yaml",))
