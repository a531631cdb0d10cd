"""A context: one domain package's events, commands, aggregates, projections, queries and reactions, under one name.

A package is registered by naming it in the setting ACCI_CONTEXTS; its attribute CONTEXT is read. Nothing outside the
package knows what is in it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import AliasChoices, BaseModel

from acci.domain.aggregates import Aggregate
from acci.domain.commands import CommandData
from acci.domain.declarations import classes_in, modules_of, objects_in
from acci.domain.errors import DefinitionError
from acci.domain.events import EventData
from acci.domain.projections import Projection
from acci.domain.quality import Suite
from acci.domain.queries import Question
from acci.domain.reactions import Reaction
from acci.domain.simulations import Simulation
from acci.domain.upcasting import check_upcasters


@dataclass(frozen=True)
class Context:
    """What a domain package brings. `sql` is the folder with its `read_models/` and `queries/`.

    `suites` say what must hold in read models; `simulation` makes up histories, for trying ACCI out. `retired`: event
    types whose classes were deleted; their events in the log are skipped.
    """

    name: str
    sql: Path
    events: tuple[type[EventData], ...]
    aggregates: tuple[type[Aggregate], ...] = ()
    projections: tuple[type[Projection], ...] = ()
    queries: tuple[type[Question[Any]], ...] = ()
    reactions: tuple[type[Reaction], ...] = ()
    suites: tuple[Suite, ...] = ()
    simulation: Simulation | None = None
    retired: tuple[str, ...] = ()
    commands: dict[str, tuple[type[Aggregate], type[CommandData]]] = field(init=False)

    @classmethod
    def of_packages(
        cls,
        name: str,
        sql: Path,
        *packages: ModuleType,
        simulation: Simulation | None = None,
        retired: tuple[str, ...] = (),
    ) -> "Context":
        """The context of all that the modules of these packages declare, so that a new module needs no entry in a list.

        Every module in them is imported. Left out is what a module only imports, and each class whose name begins with
        an underscore: a base of others.
        """
        modules = modules_of(packages)
        return cls(
            name,
            sql,
            events=tuple(classes_in(modules, EventData)),
            aggregates=tuple(classes_in(modules, Aggregate)),
            projections=tuple(each for each in classes_in(modules, Projection) if "name" in vars(each)),
            queries=tuple(each for each in classes_in(modules, Question) if "name" in vars(each)),
            reactions=tuple(each for each in classes_in(modules, Reaction) if "name" in vars(each)),
            suites=tuple(objects_in(modules, Suite)),
            simulation=simulation,
            retired=retired,
        )

    def __post_init__(self) -> None:
        _check_former_names(self.name, self.events, self.retired)
        for event in self.events:
            check_upcasters(event)
        for reaction in self.reactions:
            _check_reaction(reaction)
        for stored in (*self.events, *(each for each in self.aggregates if each.snapshot_every)):
            _check_names(stored)
        commands: dict[str, tuple[type[Aggregate], type[CommandData]]] = {}
        for aggregate in self.aggregates:
            for command in aggregate.decisions:
                if command.__name__ in commands:
                    raise DefinitionError(
                        f"Command {command.__name__}", "two aggregates decide on it; give each its own command."
                    )
                if getattr(command, "aggregate_id_field", None) not in command.model_fields:
                    reason = "its aggregate_id_field must name the field with the id of the aggregate that it is for."
                    raise DefinitionError(f"Command {command.__name__}", reason)
                commands[command.__name__] = (aggregate, command)
        object.__setattr__(self, "commands", commands)


def _check_former_names(context: str, events: Iterable[type[EventData]], retired: Sequence[str]) -> None:
    for subject, names in ((f"Context {context}", retired), *((e.__name__, e.formerly) for e in events)):
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise DefinitionError(subject, 'its retired or former names are a tuple of texts, such as ("OldName",).')


def _check_reaction(reaction: type[Reaction]) -> None:
    if "name" not in vars(reaction):
        raise DefinitionError(f"Reaction {reaction.__name__}", "give it a name, by which it is known for good.")
    if reaction.is_stateful():
        _check_names(reaction)


def _check_names(stored: type[BaseModel]) -> None:
    """Refuse a field that is excluded, or stored under an alias: neither Python nor SQL would find it again."""
    config = stored.model_config
    by_name = config.get("populate_by_name") or config.get("validate_by_name")
    for name, declared in stored.model_fields.items():
        alias = declared.validation_alias
        read_by = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
        written_as = declared.serialization_alias if config.get("serialize_by_alias") else None
        if declared.exclude or written_as not in (None, name) or not (by_name or name in read_by):
            reason = "it is stored under its own name, and would not be found again: give it no alias and no exclude."
            raise DefinitionError(f"{stored.__name__}.{name}", reason)
