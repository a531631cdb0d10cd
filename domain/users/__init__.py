"""The worked example: the guide's User, as commands, events, an aggregate, a read model and its queries."""

from pathlib import Path

from domain.contexts import Context
from domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserReactivated, UserUpdated
from domain.users.quality import USER_VIEW
from domain.users.queries import GetUser, SearchUsers
from domain.users.simulation import UserSimulation
from domain.users.user import User
from domain.users.user_view import UserView

CONTEXT = Context(
    name="users",
    sql=Path(__file__).parents[2] / "sql",
    events=(UserCreated, UserUpdated, UserDeactivated, UserReactivated, UserDeleted),
    aggregates=(User,),
    projections=(UserView,),
    queries=(GetUser, SearchUsers),
    suites=(USER_VIEW,),
    simulation=UserSimulation(),
)
