"""The read model of steps per day and group: its key comes from the payload, its rows from many streams."""

from acci.domain.events import Event
from acci.domain.projections import Projection, Upsert, add, coalesce, count, local_date, maximum, minimum, on
from tests.domains.permits.events import CaseReceived, ConfirmationSent, StepCompleted, StopDecided

ZONE = "Europe/Amsterdam"


class StepsPerDay(Projection):
    """How many steps each group completed on each day of its own calendar."""

    key = ("tenant_id", "day", "handled_by")

    @on(CaseReceived)
    def received(self, event: Event[CaseReceived]) -> Upsert:
        return self.step(event, 1)

    @on(ConfirmationSent, StopDecided, StepCompleted)
    def completed(self, event: Event[StepCompleted]) -> Upsert:
        return self.step(event, 0)

    def step(self, event: Event[StepCompleted], received: int) -> Upsert:
        return Upsert(
            day=local_date(event.timestamp, ZONE),
            handled_by=coalesce(event.data.handled_by, "nobody"),
            steps=count(),
            received=add(received),
            first_at=minimum(event.timestamp),
            last_at=maximum(event.timestamp),
        )
