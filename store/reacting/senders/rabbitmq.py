"""RabbitMQ: persistent, confirmed by the broker, and refused if no queue takes it."""

import json
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from acci.store.extras import needs
from acci.store.reacting.outgoing import Outgoing
from acci.store.reacting.senders.cloud_event import attributes_of
from acci.store.reacting.senders.kept_connections import KeptConnections
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused

with needs("rabbitmq"):
    import pika
    from pika import exceptions

PERSISTENT = 2
NOT_FOUND, ACCESS_REFUSED = 404, 403


@dataclass(frozen=True)
class _Opened:
    connection: Any
    channel: Any


class RabbitMq:
    """To the exchange of the broker at `url`, with the topic as routing key unless there is another."""

    def __init__(
        self, url: str, login: tuple[str, str] | None, exchange: str, routing_key: str | None, seconds: float
    ) -> None:
        parts = urlsplit(url)
        self._host, self._exchange, self._routing_key = parts.hostname or "", exchange, routing_key
        tls = pika.SSLOptions(ssl.create_default_context(), self._host) if parts.scheme == "amqps" else None
        self._parameters = pika.ConnectionParameters(
            host=self._host,
            port=parts.port or (5671 if tls else 5672),
            virtual_host=unquote(parts.path[1:]) or "/",
            credentials=pika.PlainCredentials(*(login or ("guest", "guest"))),
            ssl_options=tls,
            connection_attempts=1,
            socket_timeout=seconds / 2,
            stack_timeout=seconds / 2,
            blocked_connection_timeout=seconds / 2,
            heartbeat=max(2, int(seconds)),  # a broker that is gone is noticed while a confirmation is waited for
        )
        self._kept: KeptConnections[_Opened] = KeptConnections(_end)

    def send(self, message: Outgoing) -> None:
        """Afterwards the broker has it in a queue. Raises `DeliveryFailed`, `DeliveryRefused`."""
        kept = self._kept.take()
        if kept is not None:
            with suppress(exceptions.AMQPConnectionError):  # closed meanwhile, as after a restart of the broker
                return self._publish(kept, message)
        try:
            return self._publish(self._open(), message)
        except exceptions.AMQPConnectionError as error:
            raise DeliveryFailed(f"RabbitMQ at {self._host} cannot be reached ({type(error).__name__})") from None

    def close(self) -> None:
        """End the connections that are kept; it can be used again."""
        self._kept.close()

    def _open(self) -> _Opened:
        try:
            connection = pika.BlockingConnection(self._parameters)
        except OSError as error:  # a name that has no address
            raise DeliveryFailed(f"RabbitMQ at {self._host} cannot be reached ({type(error).__name__})") from None
        channel = connection.channel()
        channel.confirm_delivery()
        return _Opened(connection, channel)

    def _publish(self, opened: _Opened, message: Outgoing) -> None:
        attributes = attributes_of(message)
        own = {f"cloudEvents_{name}": value for name, value in attributes.items() if name != "datacontenttype"}
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=PERSISTENT,
            message_id=str(message.id),
            correlation_id=message.correlation_id[:255],
            type=message.topic[:255],
            timestamp=int(message.created_at.timestamp()),
            app_id="acci",
            headers=dict(message.content.get("headers", {})) | own,
        )
        body = json.dumps(message.content["payload"], ensure_ascii=False).encode()
        key = message.topic if self._routing_key is None else self._routing_key
        try:
            opened.channel.basic_publish(self._exchange, key, body, properties, mandatory=True)
        except exceptions.UnroutableError:
            self._kept.keep(opened)
            where = f"the exchange {self._exchange!r}" if self._exchange else "the default exchange"
            raise DeliveryRefused(f"no queue takes what {where} gets for {key!r}: bind one") from None
        except exceptions.NackError:
            self._kept.keep(opened)
            raise DeliveryFailed("RabbitMQ could not store it") from None
        except exceptions.ChannelClosedByBroker as error:
            _end(opened)
            said = f"RabbitMQ answered {error.reply_code}"
            if error.reply_code in (NOT_FOUND, ACCESS_REFUSED):
                raise DeliveryRefused(f"{said}: look at the exchange {self._exchange!r} and its rights") from None
            raise DeliveryFailed(said) from None
        except BaseException:
            _end(opened)
            raise
        self._kept.keep(opened)


def _end(opened: _Opened) -> None:
    with suppress(exceptions.AMQPError, OSError):
        opened.connection.close()
