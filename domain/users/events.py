"""What can happen to a user."""

from acci.domain.events import EventData


class UserCreated(EventData):
    email: str
    name: str


class UserUpdated(EventData):
    """Email and name as they are from now on, both, whichever changed."""

    email: str
    name: str


class UserDeactivated(EventData):
    reason: str | None = None


class UserReactivated(EventData):
    pass


class UserDeleted(EventData):
    """The end: nothing may happen to this user afterwards."""
