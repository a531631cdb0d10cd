"""What can happen to an application for a building permit. Every event is a step that somebody completed."""

from datetime import datetime

from acci.domain.events import EventData


class StepCompleted(EventData):
    """A step of no further meaning. `handled_by` is the group that took it, if one is known."""

    step: str
    task: str
    handled_by: str | None = None


class CaseReceived(StepCompleted):
    """The first step of a case: the application came in, with all that is known of it."""

    channel: str
    department: str
    team: str | None = None
    responsible: str
    deadline: datetime


class ConfirmationSent(StepCompleted):
    """The applicant was told that the application has been received."""


class StopDecided(StepCompleted):
    """It was decided whether the procedure has to stop."""
