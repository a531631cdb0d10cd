"""The welcome mail: what follows from a new user."""

from typing import ClassVar

from acci.domain.effects import Message
from acci.domain.events import RecordedEvent
from acci.domain.reactions import Reaction, reacts
from acci.domain.users.events import UserCreated


class WelcomeMail(Reaction):
    """A mail to each new user, once; not to those who were there before it."""

    name: ClassVar[str] = "welcome_mail"

    @reacts(UserCreated)
    def greet(self, event: RecordedEvent[UserCreated]) -> Message:
        user = event.data
        text = f"Hello {user.name},\n\nyour account is ready.\n"
        return Message("mail", {"to": user.email, "subject": "Welcome", "text": text})
