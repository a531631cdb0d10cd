"""Corruptions: what may go wrong with what is stored, one at a time, each with where an audit must find it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from acci.store.postgres.database import Connection


@dataclass(frozen=True)
class Wrong:
    """Where a corruption must be found: by which check, of which read model (None: the log), at which place."""

    check: str
    projection: str | None
    place: Mapping[str, str]


Inject = Callable[[Connection], Wrong]


@dataclass(frozen=True)
class Corruption:
    """`inject` corrupts what is stored and says where; `repairable`: a repair leaves nothing wrong."""

    inject: Inject
    repairable: bool

    @property
    def name(self) -> str:
        return self.inject.__name__


ALL: list[Corruption] = []  # of the bank
OF_REACTIONS: list[Corruption] = []


def corruption(*, repairable: bool, of: list[Corruption] = ALL) -> Callable[[Inject], Inject]:
    """Add the function to the list."""

    def add(inject: Inject) -> Inject:
        of.append(Corruption(inject, repairable))
        return inject

    return add


def everything() -> list[Corruption]:
    """All corruptions of the bank there are."""
    from tests.support.corruptions import checkpoints, commands, generations, log, read_models, seals, snapshots  # noqa: F401

    return ALL


def of_reactions() -> list[Corruption]:
    """All corruptions of what reactions decided there are."""
    from tests.support.corruptions import reactions  # noqa: F401

    return OF_REACTIONS
