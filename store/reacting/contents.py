"""What is stored of an effect: its kind, its topic, and its content as JSON text; and the effect of that again.

The content of a command is {"data": …}, of a message {"payload": …, "headers": …} and its own key if it has one, of a
flow run {"parameters": …}, of an event its payload.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from acci.domain.effects import Deliverable, Message, Send, StartFlow
from acci.domain.events import EventData
from acci.store.registry import Catalogue
from acci.store.values.storable import Unstorable, unstorable

COMMAND, MESSAGE, FLOW, EVENT = "command", "message", "flow", "event"
CONTENT_LIMIT = 1_000_000  # bytes of JSON; larger content belongs elsewhere, with its address in the message


class Content(NamedTuple):
    """`text` is JSON that PostgreSQL can hold."""

    kind: str
    topic: str
    text: str


def content_of(effect: Deliverable | EventData) -> Content:
    """Its content. Raises `Unstorable` for what has no JSON form, or one that PostgreSQL cannot hold."""
    if isinstance(effect, Message):
        content: dict[str, Any] = {"payload": effect.payload, "headers": effect.headers}
        if effect.key is not None:
            content["key"] = effect.key
        return Content(MESSAGE, effect.topic, _json(f"The message to {effect.topic}", content))
    if isinstance(effect, StartFlow):
        subject = f"The run of {effect.deployment}"
        return Content(FLOW, effect.deployment, _json(subject, {"parameters": effect.parameters}))
    if isinstance(effect, Send):
        name = type(effect.command).__name__
        return Content(COMMAND, name, _json(f"The command {name}", {"data": effect.command}))
    return Content(EVENT, effect.event_type(), _json(f"The event {effect.event_type()}", effect))


def effect_of(catalogue: Catalogue, kind: str, topic: str, content: Mapping[str, Any]) -> Deliverable:
    """The effect that had this content. Raises `UnknownName`, and `ValueError` for a command that no longer fits."""
    if kind == COMMAND:
        _, command = catalogue.command(topic)
        return Send(command.model_validate_json(json.dumps(content["data"])))
    if kind == MESSAGE:
        return Message(topic, content["payload"], content.get("key"), content["headers"])
    return StartFlow(topic, content["parameters"])


def _json(subject: str, content: Mapping[str, Any] | BaseModel) -> str:
    try:
        text = to_json(content, inf_nan_mode="strings", bytes_mode="base64").decode()
    except (PydanticSerializationError, UnicodeError, ValueError, RecursionError) as error:
        raise Unstorable(subject, "its content", f"has no JSON form: {error}.") from error
    if "\\u0000" in text:  # or an escaped backslash that looks like one
        for path, problem in unstorable(json.loads(text)):
            raise Unstorable(subject, path, f"{problem}.")
    if len(text) * 4 > CONTENT_LIMIT and (size := len(text.encode())) > CONTENT_LIMIT:
        reason = f"is {size:,} bytes long; the limit is {CONTENT_LIMIT:,}. Keep it elsewhere, and send its address."
        raise Unstorable(subject, "its content", reason)
    return text
