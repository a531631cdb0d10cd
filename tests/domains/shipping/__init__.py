"""Parcels, for the tests of reactions: a stateless one, and a process manager over two kinds of aggregates."""

from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Self

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData
from acci.domain.contexts import Context
from acci.domain.effects import After, Cancel, Effect, Message, Send
from acci.domain.errors import Refused
from acci.domain.events import Event, EventData, RecordedEvent
from acci.domain.reactions import CommandRefused, Reaction, reacts, refused


class ParcelSent(EventData):
    to: str
    weight: int


class ParcelArrived(EventData):
    pass


class ParcelOverdue(EventData):
    pass


class LabelPrinted(EventData):
    parcel: str


class PrintLabel(CommandData):
    aggregate_id_field: ClassVar[str] = "label"

    label: str
    parcel: str


class Label(Aggregate):
    """Refused for a parcel named "forbidden"."""

    parcel: str = ""

    @decides(PrintLabel)
    def print(self, command: Command[PrintLabel]) -> LabelPrinted | None:
        if command.data.parcel == "forbidden":
            raise Refused("such parcels are not labelled.")
        return None if self.parcel else LabelPrinted(parcel=command.data.parcel)

    @evolves(LabelPrinted)
    def printed(self, event: Event[LabelPrinted]) -> Self:
        return self.changed(parcel=event.data.parcel)


class Announcement(Reaction):
    """A message for each parcel that is sent; one that weighs nothing cannot be announced."""

    name: ClassVar[str] = "announcement"

    @reacts(ParcelSent)
    def announce(self, event: RecordedEvent[ParcelSent]) -> Message:
        return Message("parcels", {"parcel": event.aggregate_id, "price": 100 // event.data.weight})


class Tracking(Reaction):
    """A label for each parcel, a reminder if it does not arrive, and the count of what happened to it."""

    name: ClassVar[str] = "tracking"
    keys: ClassVar = {LabelPrinted: "parcel"}

    steps: int = 0
    labelled: bool = False

    @evolves(ParcelSent, ParcelArrived, ParcelOverdue, CommandRefused)
    def step(self, _: Event[EventData]) -> Self:
        return self.changed(steps=self.steps + 1)

    @evolves(LabelPrinted)
    def label(self, _: Event[LabelPrinted]) -> Self:
        return self.changed(steps=self.steps + 1, labelled=True)

    @reacts(ParcelSent)
    def send(self, event: RecordedEvent[ParcelSent]) -> list[Effect]:
        parcel = event.aggregate_id
        return [
            Send(PrintLabel(label=f"label-{parcel}", parcel=parcel)),
            After(timedelta(days=3), ParcelOverdue(), "overdue"),
        ]

    @reacts(ParcelArrived)
    def arrive(self, event: RecordedEvent[ParcelArrived]) -> list[Effect]:
        return [Cancel("overdue"), Message("parcels", {"arrived": event.aggregate_id, "steps": self.steps})]

    @reacts(ParcelOverdue)
    def remind(self, event: RecordedEvent[ParcelOverdue]) -> Message:
        return Message("parcels", {"overdue": event.aggregate_id, "labelled": self.labelled})

    @refused(PrintLabel)
    def give_up(self, event: RecordedEvent[CommandRefused]) -> list[Effect]:
        return [Cancel("overdue"), Message("parcels", {"refused": event.data.reason, "steps": self.steps})]


class Chaser(Reaction):
    """A timer for each parcel, which nothing cancels."""

    name: ClassVar[str] = "chaser"

    @reacts(ParcelSent)
    def wait(self, _: RecordedEvent[ParcelSent]) -> After:
        return After(timedelta(seconds=1), ParcelOverdue(), "overdue")

    @reacts(ParcelOverdue)
    def chase(self, event: RecordedEvent[ParcelOverdue]) -> Message:
        return Message("parcels", {"chased": event.aggregate_id})


CONTEXT = Context(
    name="shipping",
    sql=Path(__file__).parent / "sql",
    events=(ParcelSent, ParcelArrived, ParcelOverdue, LabelPrinted),
    aggregates=(Label,),
    reactions=(Announcement, Tracking, Chaser),
)
