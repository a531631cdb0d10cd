"""Simulations: a domain's made-up events and commands, for trying ACCI out. Pure: the same plan gives the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from acci.domain.commands import CommandData
from acci.domain.events import Event, EventData


@dataclass(frozen=True)
class Plan:
    """The plan of one of several writers. No two writers share an aggregate.

    batch: a name that no earlier history had, so that its aggregates are new.
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
class SimulatedCommand:
    """A command that a user of the system would send now."""

    tenant_id: str
    user_id: str
    data: CommandData


class Simulation(Protocol):
    """How a domain makes up events and commands."""

    def events(self, plan: Plan) -> Iterator[Event[EventData]]:
        """A history that could have happened: `plan.events` events, each stream's versions from 1."""

    def commands(self, plan: Plan) -> Iterator[SimulatedCommand]:
        """Commands without end, each of which the aggregate accepts if it accepted those before."""
