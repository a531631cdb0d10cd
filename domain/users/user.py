"""The User aggregate: its state, its commands and what they lead to."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from acci.domain.aggregates import Aggregate, decides, evolves
from acci.domain.commands import Command, CommandData
from acci.domain.errors import Refused
from acci.domain.events import Event, EventData
from acci.domain.users.events import UserCreated, UserDeactivated, UserDeleted, UserReactivated, UserUpdated

Filled = Annotated[str, Field(min_length=1, pattern=r"\S")]  # not only of blanks


class UserCommand(CommandData):
    aggregate_id_field: ClassVar[str] = "user_id"

    user_id: Filled = Field(max_length=200, examples=["ann"])


class CreateUser(UserCommand):
    """Begin a user; the id must be new."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=320, examples=["ann@example.com"])
    name: Filled = Field(max_length=200, examples=["Ann"])


class UpdateUser(UserCommand):
    """Change the email, the name or both; what is not given stays."""

    email: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$", max_length=320, examples=["ann@example.com"])
    name: Filled | None = Field(default=None, max_length=200, examples=["Anna"])


class DeactivateUser(UserCommand):
    """Suspend a user, until they are reactivated."""

    reason: str | None = Field(default=None, max_length=1000, examples=["on leave"])


class ReactivateUser(UserCommand):
    """Let a user who was deactivated in again."""


class DeleteUser(UserCommand):
    """Delete a user for good; the id cannot be used again."""


class User(Aggregate):
    """A person with an account."""

    terminal: ClassVar[tuple[type[EventData], ...]] = (UserDeleted,)

    status: Literal["unknown", "active", "inactive", "deleted"] = "unknown"
    email: str = ""
    name: str = ""

    @decides(CreateUser)
    def create(self, command: Command[CreateUser]) -> UserCreated:
        if self.status != "unknown":
            raise Refused(f"the user exists already and is {self.status}.")
        return UserCreated(email=command.data.email, name=command.data.name)

    @decides(UpdateUser)
    def update(self, command: Command[UpdateUser]) -> UserUpdated | None:
        self.must_be("active", "inactive")
        email = self.email if command.data.email is None else command.data.email
        name = self.name if command.data.name is None else command.data.name
        if (email, name) == (self.email, self.name):
            return None
        return UserUpdated(email=email, name=name)

    @decides(DeactivateUser)
    def deactivate(self, command: Command[DeactivateUser]) -> UserDeactivated:
        self.must_be("active")
        return UserDeactivated(reason=command.data.reason)

    @decides(ReactivateUser)
    def reactivate(self, command: Command[ReactivateUser]) -> UserReactivated:
        self.must_be("inactive")
        return UserReactivated()

    @decides(DeleteUser)
    def delete(self, command: Command[DeleteUser]) -> UserDeleted:
        self.must_be("active", "inactive")
        return UserDeleted()

    @evolves(UserCreated)
    def created(self, event: Event[UserCreated]) -> Self:
        return self.changed(status="active", email=event.data.email, name=event.data.name)

    @evolves(UserUpdated)
    def updated(self, event: Event[UserUpdated]) -> Self:
        return self.changed(email=event.data.email, name=event.data.name)

    @evolves(UserDeactivated)
    def deactivated(self, event: Event[UserDeactivated]) -> Self:
        return self.changed(status="inactive")

    @evolves(UserReactivated)
    def reactivated(self, event: Event[UserReactivated]) -> Self:
        return self.changed(status="active")

    @evolves(UserDeleted)
    def deleted(self, event: Event[UserDeleted]) -> Self:
        return self.changed(status="deleted")

    def must_be(self, *allowed: str) -> None:
        if self.status not in allowed:
            reason = "there is no such user." if self.status == "unknown" else f"the user is {self.status}."
            raise Refused(reason)
