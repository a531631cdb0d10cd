"""The read model of cases."""

from acci.domain.events import Event
from acci.domain.projections import Insert, Projection, Update, count, keep, maximum, minimum, on
from tests.domains.permits.events import CaseReceived, ConfirmationSent, StepCompleted, StopDecided


class PermitCases(Projection):
    """Every case as it stands."""

    key = ("tenant_id", "id")

    @on(CaseReceived)
    def received(self, event: Event[CaseReceived]) -> Insert:
        return Insert(
            id=event.aggregate_id,
            channel=event.data.channel,
            department=event.data.department,
            team=event.data.team,
            responsible=event.data.responsible,
            deadline=event.data.deadline,
            status="received",
            steps=count(),
            first_step=keep(event.data.step),
            first_step_at=minimum(event.timestamp),
            last_step=event.data.step,
            last_step_at=maximum(event.timestamp),
        )

    @on(ConfirmationSent)
    def confirmed(self, event: Event[ConfirmationSent]) -> Update:
        return self.step(event, status="confirmed")

    @on(StopDecided)
    def decided(self, event: Event[StopDecided]) -> Update:
        return self.step(event, status="decided")

    @on(StepCompleted)
    def completed(self, event: Event[StepCompleted]) -> Update:
        return self.step(event)

    def step(self, event: Event[StepCompleted], **also: str) -> Update:
        return Update(
            steps=count(),
            first_step=keep(event.data.step),
            first_step_at=minimum(event.timestamp),
            last_step=event.data.step,
            last_step_at=maximum(event.timestamp),
            **also,
        )
