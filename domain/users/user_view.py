"""The read model of users as they are now."""

from acci.domain.events import Event
from acci.domain.projections import Delete, Insert, Projection, Update, on
from acci.domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserReactivated, UserUpdated


class UserView(Projection):
    """Every user as they are now."""

    key = ("tenant_id", "id")

    @on(UserCreated)
    def created(self, event: Event[UserCreated]) -> Insert:
        return Insert(
            id=event.aggregate_id,
            email=event.data.email,
            name=event.data.name,
            status="active",
            created_at=event.timestamp,
            updated_at=event.timestamp,
        )

    @on(UserUpdated)
    def updated(self, event: Event[UserUpdated]) -> Update:
        return Update(email=event.data.email, name=event.data.name, updated_at=event.timestamp)

    @on(UserDeactivated)
    def deactivated(self, event: Event[UserDeactivated]) -> Update:
        return Update(status="inactive", updated_at=event.timestamp)

    @on(UserReactivated)
    def reactivated(self, event: Event[UserReactivated]) -> Update:
        return Update(status="active", updated_at=event.timestamp)

    @on(UserDeleted)
    def deleted(self, event: Event[UserDeleted]) -> Delete:
        return Delete()
