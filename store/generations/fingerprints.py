"""Fingerprints: what a projection compiles to, in named parts, so that a change is noticed and named."""

import hashlib
import json
from dataclasses import dataclass

from acci.domain.errors import AcciError
from acci.domain.projections import FoldProjection, Projection
from acci.domain.projections.rules import Rule
from acci.store.generations.tables import table_sql
from acci.store.registry import Catalogue

# Increase it when a new version of ACCI changes the meaning of the same rules.
MEANING = 1


class RebuildNeeded(AcciError):
    """The rules are not those that the live rows were made with; `changes` names what differs."""

    projection: str
    changes: tuple[str, ...]

    sentence = (
        "{projection} needs a rebuild: {changes:; }. Its live rows stay as they are until then. "
        "Run `acci run rebuild {projection}`."
    )


@dataclass(frozen=True)
class Definition:
    """What a projection is made of: each part's name and digest; `fingerprint` is the digest of all."""

    parts: dict[str, str]
    fingerprint: str

    def changes_from(self, old: dict[str, str]) -> tuple[str, ...]:
        """The parts that differ from `old`, each with how."""
        names = sorted(self.parts.keys() | old.keys())
        changed = [name for name in names if self.parts.get(name) != old.get(name)]
        return tuple(
            f"{name} {'is new' if name not in old else 'is gone' if name not in self.parts else 'changed'}"
            for name in changed
        )


def define(catalogue: Catalogue, projection: type[Projection], but: frozenset[str] = frozenset()) -> Definition:
    """The projection as it is now, its rules without what they say of the columns `but`.

    Raises `ProjectionError` when its table has no SQL file.
    """
    rules = {
        f"rule {rule.name} on {rule.event.event_type()}": _digest(_meaning(rule, but)) for rule in projection.rules
    }
    if issubclass(projection, FoldProjection):
        rules["fold"] = _digest(projection.meaning())
    parts = {
        **rules,
        "key": _digest(repr(projection.key)),
        "table": _digest(table_sql(catalogue, projection)),
        "meaning": str(MEANING),
    }
    return Definition(parts, _digest(json.dumps(parts, sort_keys=True)))


def changes_beside(
    catalogue: Catalogue, projection: type[Projection], old: dict[str, str], columns: tuple[str, ...]
) -> tuple[str, ...]:
    """What differs from the parts `old` beside these columns and the table, as phrases.

    None: if nothing else of the table differs, a backfill of the columns is enough.
    """
    if issubclass(projection, FoldProjection):
        return ("it is a fold in Python, whose code may have changed anywhere",)
    without = define(catalogue, projection, but=frozenset(columns)).changes_from(old)
    return tuple(change for change in without if not change.startswith("table "))


def _meaning(rule: Rule, but: frozenset[str]) -> str:
    """A rule's compiled actions, and its event's former names; its method's name and source do not count."""
    said = [
        (action.verb.__name__, action.key, {name: f for name, f in action.columns.items() if name not in but})
        for action in rule.actions
    ]
    former = rule.event.stored_names()[1:]
    return repr((said, former) if former else said)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
