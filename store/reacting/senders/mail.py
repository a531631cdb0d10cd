"""A message of a mail topic as an e-mail: its payload checked field by field."""

from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from acci.store.reacting.outgoing import Outgoing
from acci.store.reacting.senders.sender import DeliveryRefused


class Mail(BaseModel):
    """The payload: `to`, `subject`, `text`; `html`, `from`, `cc`, `reply_to` may be added."""

    model_config = ConfigDict(extra="forbid", strict=True)

    to: str | list[str]
    subject: str
    text: str
    html: str | None = None
    sender: str | None = None
    cc: str | list[str] = []
    reply_to: str | list[str] = []

    @field_validator("to", "cc", "reply_to", "sender")
    @classmethod
    def _addresses(cls, value: Any) -> Any:
        for each in [value] if isinstance(value, str) else value or []:
            if any(ord(character) < 32 or ord(character) == 127 for character in each):
                raise ValueError("has a line break or another control character")
            if "@" not in Address(addr_spec=each).addr_spec:
                raise ValueError("is no address")
        return value

    @field_validator("subject")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise ValueError("has a line break or another control character")
        return value


def mail_of(message: Outgoing, default_sender: str | None) -> tuple[str, list[str], EmailMessage]:
    """Who it is from, to whom it goes, and the mail. Raises `DeliveryRefused`, which names fields, never values."""
    payload = dict(message.content["payload"])
    if "sender" in payload:
        raise DeliveryRefused("the mail's sender is no field of it; call it from")
    if "from" in payload:
        payload["sender"] = payload.pop("from")
    try:
        mail = Mail.model_validate(payload)
    except (ValidationError, MessageError) as error:
        fields = error.errors() if isinstance(error, ValidationError) else []
        wrong = sorted({"from" if each["loc"][:1] == ("sender",) else str(each["loc"][0]) for each in fields})
        raise DeliveryRefused(f"the mail cannot be sent as it is: look at {', '.join(wrong) or 'addresses'}") from None
    sender = mail.sender or default_sender
    if sender is None:
        raise DeliveryRefused("the mail does not say from whom it is: set from in the topic's settings")
    to, cc, reply_to = (_listed(each) for each in (mail.to, mail.cc, mail.reply_to))
    if not to:
        raise DeliveryRefused("the mail goes to nobody")
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = sender, ", ".join(to), mail.subject
    for name, addresses in (("Cc", cc), ("Reply-To", reply_to)):
        if addresses:
            made[name] = ", ".join(addresses)
    made["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2].strip('> ')}>"
    made["Date"] = format_datetime(message.created_at)
    made["Auto-Submitted"] = "auto-generated"
    made["X-Acci-Sequence"] = message.sequence
    made["X-Acci-Position"] = str(message.position)
    made.set_content(mail.text)
    if mail.html is not None:
        made.add_alternative(mail.html, subtype="html")
    return sender, [*to, *cc], made


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
