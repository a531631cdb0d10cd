"""Events with a field of every kind: required, optional, with a default, nested."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from acci.domain.events import EventData


class Inner(BaseModel):
    text: str
    maybe: int | None = None
    amount: Decimal = Decimal("2.50")


class Nested(BaseModel):
    inner: Inner
    other: Inner | None = None
    level: int = 3


class Opened(EventData):
    slot: int
    name: str
    number: int
    amount: Decimal
    ratio: float
    flag: bool
    moment: datetime
    day: date
    ref: UUID
    tags: list[str]
    nested: Nested


class Changed(EventData):
    slot: int | None = None
    name: str | None
    number: int | None = None
    amount: Decimal | None = None
    ratio: float | None = None
    flag: bool | None = None
    moment: datetime | None = None
    day: date | None = None
    ref: UUID | None = None
    tags: list[str] | None = None
    nested: Nested | None = None


class Moved(EventData):
    slot: int = 1
    name: str = "a"
    number: int = 7
    amount: Decimal = Decimal("1.50")
    ratio: float = 0.5
    flag: bool = True
    moment: datetime = datetime.fromisoformat("2024-03-31T01:30:00+00:00")
    day: date = date(2024, 3, 31)
    ref: UUID | None = UUID(int=1)
    tags: list[str] = Field(default_factory=lambda: ["x", "%"])
    nested: Nested = Nested(inner=Inner(text="b", maybe=5), level=4)


class Closed(EventData):
    slot: int
    reason: Literal["a", "b"] | None = None
    anything: Any = None


EVENTS: tuple[type[EventData], ...] = (Opened, Changed, Moved, Closed)
