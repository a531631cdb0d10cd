"""Routes: which sender a command, a message or a flow run goes by, and within which bounds."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from acci.store.reacting.contents import COMMAND, FLOW
from acci.store.reacting.outgoing import Outgoing
from acci.store.reacting.senders.file import MessageFile
from acci.store.reacting.senders.sender import DeliveryRefused, Sender
from acci.store.reacting.senders.signing import secret_bytes
from acci.store.reacting.senders.smtp import Mailer
from acci.store.reacting.senders.webhook import Webhook
from acci.store.settings import Topic, UnusableTopic
from acci.store.settings.topics import ANY_TOPIC, Topics

OWN_SECONDS = 15.0  # that a command, or starting a flow run, may take
OWN_TRIES = 36


@dataclass(frozen=True)
class Route:
    """A sender; what shares its name shares its threads. One delivery takes `seconds` at most; `tries` bounds them."""

    name: str
    sender: Sender
    seconds: float = OWN_SECONDS
    tries: int = OWN_TRIES
    tenants: tuple[str, ...] | None = None


class Routes:
    """The routes of all that may leave: `commands` handles commands, `flows` starts runs, `topics` are the settings'.

    Raises `UnusableTopic` for a secret that is not in `environment`, a class that cannot be had, `MissingExtra`.
    """

    def __init__(
        self,
        topics: Topics,
        commands: Sender | None = None,
        flows: Sender | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._topics = {name: _route(name, topic, environment) for name, topic in topics}
        self._own = {
            kind: Route(f"{kind}s", sender) for kind, sender in ((COMMAND, commands), (FLOW, flows)) if sender
        }  # fmt: skip

    @property
    def longest(self) -> float:
        """The seconds that a delivery may take at most, by any of them."""
        return max((each.seconds for each in (*self._topics.values(), *self._own.values())), default=OWN_SECONDS)

    def close(self) -> None:
        """End the connections that senders keep; they can be used again."""
        for route in (*self._topics.values(), *self._own.values()):
            if close := getattr(route.sender, "close", None):
                close()

    def of(self, outgoing: Outgoing) -> Route:
        """Raises `DeliveryRefused` if it may go nowhere, which says what to set."""
        if outgoing.kind in (COMMAND, FLOW):
            if outgoing.kind not in self._own:
                raise DeliveryRefused(f"this program delivers no {outgoing.kind}s: `acci run react` does")
            return self._own[outgoing.kind]
        route = self._topics.get(outgoing.topic) or self._topics.get(ANY_TOPIC)
        if route is None:
            table = f'[tool.acci.topics."{outgoing.topic}"]'
            raise DeliveryRefused(f"the topic {outgoing.topic!r} leads nowhere: set sender and url in {table}")
        if route.tenants is not None and outgoing.tenant_id not in route.tenants:
            raise DeliveryRefused(
                f"the tenant {outgoing.tenant_id!r} is none of those in tenants of the topic {route.name!r}"
            )
        return route


def _route(name: str, topic: Topic, environment: Mapping[str, str]) -> Route:
    return Route(name, _sender(name, topic, environment), topic.timeout, topic.tries, topic.tenants)


def _sender(name: str, topic: Topic, environment: Mapping[str, str]) -> Sender:
    secrets = [_secret(name, variable, environment) for variable in topic.secrets]
    login = (topic.user, secrets[0]) if topic.user is not None and secrets else None
    if topic.sender == "webhook":
        try:
            keys = [secret_bytes(each) for each in secrets]
        except ValueError as error:
            problem = f"the secret in {' or '.join(topic.secrets)} is not as Standard Webhooks has it: {error}"
            raise UnusableTopic(name, problem) from None
        authorization = topic.authorization and _secret(name, topic.authorization, environment)
        return Webhook(topic.url, keys, topic.timeout, topic.allow_private, authorization)
    if topic.sender == "smtp":
        return Mailer(topic.url, login, topic.sent_from, topic.timeout, topic.allow_plain)
    if topic.sender == "rabbitmq":
        from acci.store.reacting.senders.rabbitmq import RabbitMq

        return RabbitMq(topic.url, login, topic.exchange, topic.routing_key, topic.timeout)
    if topic.sender == "file" and topic.file is not None:
        return MessageFile(topic.file)
    return _of_the_users_own(name, topic.sender)


def _secret(name: str, variable: str, environment: Mapping[str, str]) -> str:
    value = environment.get(variable, "").strip()
    if not value:
        raise UnusableTopic(name, f"the environment has no {variable}, which is to hold its secret")
    return value


def _of_the_users_own(name: str, dotted: str) -> Sender:
    module, _, attribute = dotted.rpartition(".")
    try:
        made: Sender = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError) as error:
        raise UnusableTopic(name, f"{dotted} cannot be made ({type(error).__name__}: {error})") from error
    if not callable(getattr(made, "send", None)):
        raise UnusableTopic(name, f"{dotted} has no method send")
    return made
