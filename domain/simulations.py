"""Simulations: a domain's made-up past and present, for trying ACCI out. Pure: the same plan gives the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from acci.domain.commands import CommandData
from acci.domain.events import Event, EventData


@dataclass(frozen=True)
class Plan:
    """What one writer of several makes up. Writers never share an aggregate.

    batch: distinguishes this history from those made before, so that its aggregates are new.
    events: how many; they happen between `start` and `end`, in order.
    """

    seed: int
    batch: str
    writer: int
    tenants: int
    events: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Wish:
    """A command that somebody would send now."""

    tenant_id: str
    user_id: str
    data: CommandData


class Simulation(Protocol):
    """How a domain makes up what happens in it."""

    def events(self, plan: Plan) -> Iterator[Event[EventData]]:
        """A history that could have happened: `plan.events` events, each stream's versions from 1."""

    def wishes(self, plan: Plan) -> Iterator[Wish]:
        """Commands without end, each of which the aggregate will grant if those before it were."""
