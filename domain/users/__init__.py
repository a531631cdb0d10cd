"""The worked example: users, as commands, events, an aggregate, a read model and its queries, a reaction.

An example of what a project of your own has; nothing in ACCI depends on it. Begin with `events`, then `user`.
"""

from pathlib import Path

from acci.domain.contexts import Context
from acci.domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserReactivated, UserUpdated
from acci.domain.users.quality import USER_VIEW
from acci.domain.users.queries import GetUser, SearchUsers
from acci.domain.users.simulation import UserSimulation
from acci.domain.users.user import User
from acci.domain.users.user_view import UserView
from acci.domain.users.welcome_mail import WelcomeMail

CONTEXT = Context(
    name="users",
    sql=Path(__file__).parents[2] / "sql",
    events=(UserCreated, UserUpdated, UserDeactivated, UserReactivated, UserDeleted),
    aggregates=(User,),
    projections=(UserView,),
    queries=(GetUser, SearchUsers),
    reactions=(WelcomeMail,),
    suites=(USER_VIEW,),
    simulation=UserSimulation(),
)
