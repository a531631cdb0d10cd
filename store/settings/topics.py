"""Topics: where the messages of reactions go. `[tool.acci.topics.NAME]`, or all of them in ACCI_TOPICS as JSON."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from acci.domain.errors import AcciError
from acci.store.settings.passwords import has_password

ANY_TOPIC = "*"
MESSAGES = "messages.jsonl"
VARIABLE_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
SCHEMES = {"webhook": ("https", "http"), "smtp": ("smtps", "smtp"), "rabbitmq": ("amqps", "amqp")}
SENDERS = "webhook, smtp, rabbitmq, file"
PLAIN = ("http", "amqp")  # what has no TLS; smtp has, unless allow-plain
LONGEST_TIMEOUT = 600.0  # seconds


class UnusableTopic(AcciError):
    """What the settings say of a topic cannot be used; `problem` is a sentence's end."""

    topic: str
    problem: str

    sentence = "The topic {topic!r} cannot be used: {problem}. Correct it in [tool.acci.topics] or in ACCI_TOPICS."


@dataclass(frozen=True)
class Topic:
    """Where the messages of a topic go. Secrets are named by the variables that hold them.

    sender: webhook, smtp, rabbitmq, file, or the dotted name of a class of yours.
    url: of the receiver or server. user: who logs in there. secrets: the variables with the secrets, the newest first.
    authorization: the variable with a webhook's header Authorization.
    sent_from: the address that mail is from, unless it says another.
    exchange, routing_key: RabbitMQ's; without a key, the topic's name.
    file: to which a line is added for each message, from the project's folder on.
    timeout: seconds that one delivery may take. tries: after so many a message is a dead letter.
    tenants: who may use it; None: all.
    allow_private: addresses of private networks and of this machine. allow_plain: without TLS.
    """

    sender: str
    url: str = ""
    user: str | None = None
    secrets: tuple[str, ...] = ()
    authorization: str | None = None
    sent_from: str | None = None
    exchange: str = ""
    routing_key: str | None = None
    file: Path | None = None
    timeout: float = 10.0
    tries: int = 36  # about a day
    tenants: tuple[str, ...] | None = None
    allow_private: bool = False
    allow_plain: bool = False


Topics = tuple[tuple[str, Topic], ...]
Reader = Callable[[object], object]


def for_trying_out(topics: Topics, home: Path) -> Topics:
    """Messages of a topic that is not set go into a file of `home`, instead of being dead letters."""
    if any(name == ANY_TOPIC for name, _ in topics):
        return topics
    return (*topics, (ANY_TOPIC, Topic("file", file=home / MESSAGES)))


def topics_in_text(text: str, folder: Path) -> Topics:
    """From JSON. Raises ValueError, `UnusableTopic`."""
    return topics_in_table(json.loads(text), folder)


def topics_in_table(value: object, folder: Path) -> Topics:
    """From a table by name; paths are from `folder` on. Raises TypeError, `UnusableTopic`."""
    if not isinstance(value, dict):
        raise TypeError
    return tuple((str(name), _topic(str(name), table, folder)) for name, table in value.items())


def _topic(name: str, table: object, folder: Path) -> Topic:
    if not isinstance(table, dict):
        raise UnusableTopic(name, "it is no table")
    read: dict[str, Any] = {}
    for key, value in table.items():
        field, reader, wanted = _KEYS.get(key) or _unknown(name, key)
        try:
            read[field] = reader(value)
        except (TypeError, ValueError):
            raise UnusableTopic(name, f"its {key} is not {wanted}") from None
    if "sender" not in read:
        raise UnusableTopic(name, f"it has no sender: {SENDERS} or the dotted name of a class")
    if "file" in read:
        read["file"] = folder / Path(read["file"]).expanduser()
    topic = Topic(**read)
    if problem := _problem(topic):
        raise UnusableTopic(name, problem)
    return topic


def _unknown(name: str, key: str) -> Any:
    near = get_close_matches(key, _KEYS, 1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise UnusableTopic(name, f"it has no setting {key!r}{meant}; known are {', '.join(_KEYS)}")


def _problem(topic: Topic) -> str | None:
    schemes = SCHEMES.get(topic.sender)
    if schemes is not None:
        return _problem_of_url(topic, *schemes) or _problem_of_login(topic)
    if topic.sender == "file":
        return None if topic.file is not None else "it has no file, to which messages are added"
    if DOTTED.fullmatch(topic.sender):
        return None
    return f"there is no sender {topic.sender!r}: {SENDERS} or the dotted name of a class"


def _problem_of_url(topic: Topic, secure: str, plain: str) -> str | None:
    scheme = urlsplit(topic.url).scheme
    if scheme not in (secure, plain) or not urlsplit(topic.url).hostname:
        return f"its url is no address that begins with {secure}:// or {plain}://"
    if scheme in PLAIN and not topic.allow_plain:
        return f"{scheme}:// is sent without TLS: use {secure}://, or set allow-plain"
    return None


def _problem_of_login(topic: Topic) -> str | None:
    if topic.sender == "webhook":
        return None if topic.user is None else "a webhook has no user: use authorization"
    if len(topic.secrets) > 1:
        return "only a webhook has several secrets"
    if (topic.user is None) != (not topic.secrets):
        return "a login needs a user, and a secret that names the variable with its password"
    return None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or any(ord(character) < 32 for character in value):
        raise ValueError
    return value.strip()


def _url(value: object) -> str:
    url = _text(value)
    parts = urlsplit(url)
    if has_password(url) or parts.username is not None or parts.fragment or parts.port == 0:
        raise ValueError
    return url


def _address(value: object) -> str:
    if not re.fullmatch(r"[^\s<>,;]+@[^\s<>,;@]+", text := _text(value)):
        raise ValueError
    return text


def _variable(value: object) -> str:
    if not VARIABLE_NAME.fullmatch(text := _text(value)):
        raise ValueError
    return text


def _variables(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    return tuple(_variable(each) for each in listed)


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_text(each) for each in value)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_TIMEOUT:
        raise ValueError
    return float(value)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise ValueError
    return value


def _yes(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


_NAME = "the name of the environment variable that holds it: secrets are in no setting"
_KEYS: Mapping[str, tuple[str, Reader, str]] = {
    "sender": ("sender", _text, "a text"),
    "url": ("url", _url, "an address without user, password and fragment"),
    "user": ("user", _text, "a text"),
    "secret": ("secrets", _variables, _NAME),
    "authorization": ("authorization", _variable, _NAME),
    "from": ("sent_from", _address, "an address like shop@example.com"),
    "exchange": ("exchange", _text, "a text"),
    "routing-key": ("routing_key", _text, "a text"),
    "file": ("file", _text, "a text"),
    "timeout": ("timeout", _seconds, f"a number of seconds up to {LONGEST_TIMEOUT:.0f}"),
    "tries": ("tries", _count, "a whole number from 1 to 1000"),
    "tenants": ("tenants", _names, "a list of names"),
    "allow-private": ("allow_private", _yes, "true or false"),
    "allow-plain": ("allow_plain", _yes, "true or false"),
}


def shown_topic(topic: Topic) -> dict[str, object]:
    """What is set for the topic, by its keys."""
    shown: dict[str, object] = {}
    for key, (field, _, _) in _KEYS.items():
        value, default = getattr(topic, field), getattr(Topic, field, None)
        if value != default:
            shown[key] = list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
    return shown
