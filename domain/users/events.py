"""What can happen to a user."""

from acci.domain.events import EventData


class UserCreated(EventData):
    email: str
    name: str


class UserUpdated(EventData):
    """The new email and name; both, even if only one changed."""

    email: str
    name: str


class UserDeactivated(EventData):
    reason: str | None = None


class UserReactivated(EventData):
    pass


class UserDeleted(EventData):
    """Terminal: nothing may happen to this user afterwards."""
