"""What is measured besides users: users without indexes, by verbs and by a fold; counts over streams; rare events."""

from pathlib import Path

from acci.domain.contexts import Context
from acci.domain.events import Event, EventData
from acci.domain.projections import FoldProjection, Insert, Projection, Upsert, count, local_date, maximum, on
from acci.domain.projections.python_folds import Row
from acci.domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserReactivated, UserUpdated
from acci.domain.users.user_view import UserView


class ComplaintFiled(EventData):
    about: str


class UserRows(Projection):
    """The rows of `user_view` in a table without indexes for searching, whose upkeep would hide what folding takes."""

    key = UserView.key
    created = UserView.created
    updated = UserView.updated
    deactivated = UserView.deactivated
    reactivated = UserView.reactivated
    deleted = UserView.deleted


class UserFold(FoldProjection):
    """The same rows once more, folded in Python."""

    key = UserView.key
    handles = (UserCreated, UserUpdated, UserDeactivated, UserReactivated, UserDeleted)

    def evolve(self, row: Row | None, event: Event[EventData]) -> Row | None:
        at = event.timestamp
        match event.data:
            case UserCreated(email=email, name=name):
                return {"email": email, "name": name, "status": "active", "created_at": at, "updated_at": at}
            case _ if row is None:
                return None
            case UserUpdated(email=email, name=name):
                return row | {"email": email, "name": name, "updated_at": at}
            case UserDeactivated():
                return row | {"status": "inactive", "updated_at": at}
            case UserReactivated():
                return row | {"status": "active", "updated_at": at}
        return None


class ActivityByDay(Projection):
    """What happened to a tenant's users on each day: one row for many streams."""

    key = ("tenant_id", "day")

    @on(UserCreated)
    def created(self, event: Event[UserCreated]) -> Upsert:
        day = local_date(event.timestamp, "UTC")
        return Upsert(day=day, events=count(), created=count(), last_at=maximum(event.timestamp))

    @on(UserUpdated, UserDeactivated, UserReactivated)
    def changed(self, event: Event[UserUpdated]) -> Upsert:
        day = local_date(event.timestamp, "UTC")
        return Upsert(day=day, events=count(), last_at=maximum(event.timestamp))

    @on(UserDeleted)
    def deleted(self, event: Event[UserDeleted]) -> Upsert:
        day = local_date(event.timestamp, "UTC")
        return Upsert(day=day, events=count(), deleted=count(), last_at=maximum(event.timestamp))


class Complaints(Projection):
    """One event in 10,000 is one of these."""

    key = ("tenant_id", "id")

    @on(ComplaintFiled)
    def filed(self, event: Event[ComplaintFiled]) -> Insert:
        return Insert(about=event.data.about, filed_at=event.timestamp)


CONTEXT = Context(
    name="activity",
    sql=Path(__file__).parent / "sql",
    events=(ComplaintFiled,),
    projections=(UserRows, UserFold, ActivityByDay, Complaints),
)
