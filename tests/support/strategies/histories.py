"""Random histories: events as the log has them, and how they may be cut into batches."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from pydantic import BaseModel

from acci.domain.events import EventData, EventMetadata, RecordedEvent
from acci.domain.expressions.kinds import kind_of_annotation
from acci.domain.expressions.values import parse
from tests.support.strategies.events import EVENTS
from tests.support.strategies.values import JSON, moment

TENANTS, AGGREGATES = ("t1", "t1", "t1", "t2"), ("a", "a", "a", "b", "é")  # few keys, long histories each
LENGTH = 14


@dataclass(frozen=True)
class Draft:
    """An event before it has a place in the log; `data` is its payload as JSON."""

    event: type[EventData]
    tenant_id: str
    aggregate_id: str
    data: Any
    user_id: str | None
    timestamp: datetime

    def at(self, position: int, version: int) -> RecordedEvent[Any]:
        return RecordedEvent(
            UUID(int=position),
            self.aggregate_id,
            "Thing",
            self.event.event_type(),
            version,
            self.data,
            EventMetadata(self.tenant_id, "correlation", None, self.user_id),
            self.timestamp,
            position=position,
            recorded_at=datetime(2025, 1, 1, tzinfo=UTC),
        )


@dataclass(frozen=True)
class History:
    """Events, and after how many of them a batch ends."""

    drafts: list[Draft]
    cuts: list[int]

    def recorded(self, after: int) -> list[RecordedEvent[Any]]:
        """The events with their places in the log, from `after` on."""
        return [draft.at(after + number, number) for number, draft in enumerate(self.drafts, 1)]

    def batches(self, events: list[RecordedEvent[Any]]) -> list[list[RecordedEvent[Any]]]:
        """The events in their batches, none of them empty."""
        ends = sorted({cut for cut in self.cuts if 0 < cut < len(events)} | {len(events)})
        return [events[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def payload(model: type[BaseModel], random: Random) -> dict[str, Any]:
    """A payload that the class would read, what is optional sometimes missing; seldom one it would not."""
    made: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        kind, optional, nested = kind_of_annotation(info.annotation)
        chance = random.random()
        if chance < 0.002 or (chance < 0.2 and not info.is_required()):
            continue
        if optional and chance > 0.75:
            made[name] = None
        elif name == "slot":
            made[name] = random.randint(1, 3)
        else:
            made[name] = payload(nested, random) if nested else JSON[kind](random)
    return made


def _draft(event: type[EventData], seed: int) -> Draft:
    # From a seed, since drawing a payload value by value takes ten times as long as the test of it.
    random = Random(seed)
    data = parse(json.dumps(payload(event, random)))
    user = random.choice((None, "u1", "u2"))
    return Draft(event, random.choice(TENANTS), random.choice(AGGREGATES), data, user, moment(random))


drafts = st.builds(_draft, st.sampled_from(EVENTS), st.integers(0, 2**31))
histories = st.builds(
    History,
    st.lists(drafts, min_size=1, max_size=LENGTH),
    st.lists(st.integers(1, LENGTH), max_size=3),
)
