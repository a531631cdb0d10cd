"""Messages to a real RabbitMQ: confirmed and persistent, or a failure that says whether they are tried again."""

from collections.abc import Iterator
from typing import Any

import pytest

from acci.store.embedded.ports import free_port
from acci.store.reacting.senders.cloud_event import attributes_of
from acci.store.reacting.senders.rabbitmq import RabbitMq
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused
from tests.support.brokers import Broker
from tests.support.outboxes import outgoing

SECONDS = 20.0
MESSAGE = outgoing({"payload": {"name": "Zoë"}, "headers": {"shop": "a"}})


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    made = Broker(tmp_path_factory.mktemp("rabbitmq") / "broker")
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture
def queue(broker: Broker, request: pytest.FixtureRequest) -> str:
    """A queue that outlives a restart; the default exchange gives it what has its name as routing key."""
    name = str(request.node.name)
    opened = broker.connect()
    opened.channel().queue_declare(name, durable=True)
    opened.close()
    return name


@pytest.fixture
def senders() -> Iterator[list[RabbitMq]]:
    made: list[RabbitMq] = []
    yield made
    for each in made:
        each.close()


def to(broker: Broker, senders: list[RabbitMq], routing_key: str | None, exchange: str = "") -> RabbitMq:
    senders.append(RabbitMq(broker.url, ("guest", "guest"), exchange, routing_key, SECONDS))
    return senders[-1]


def taken(broker: Broker, queue: str) -> list[tuple[Any, bytes]]:
    """The properties and bodies of what is in the queue, which is empty afterwards."""
    opened, found = broker.connect(), []
    channel = opened.channel()
    while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
        found.append((got[1], got[2]))
    opened.close()
    return found


def test_what_is_sent_is_in_the_queue_with_its_key_and_its_headers(
    broker: Broker, queue: str, senders: list[RabbitMq]
) -> None:
    sender = to(broker, senders, queue)
    sender.send(MESSAGE)
    sender.send(MESSAGE)
    (first, body), (again, _) = taken(broker, queue)
    assert body == '{"name": "Zoë"}'.encode()
    assert first.message_id == again.message_id == str(MESSAGE.id)
    assert (first.delivery_mode, first.content_type, first.type) == (2, "application/json", MESSAGE.topic)
    attributes = attributes_of(MESSAGE)
    del attributes["datacontenttype"]
    assert first.headers == {"shop": "a"} | {f"cloudEvents_{name}": value for name, value in attributes.items()}


def test_the_topic_is_the_routing_key_unless_there_is_another(broker: Broker, senders: list[RabbitMq]) -> None:
    opened = broker.connect()
    channel = opened.channel()
    channel.exchange_declare("events", "topic")
    channel.queue_declare("mails")
    channel.queue_bind("mails", "events", MESSAGE.topic)
    to(broker, senders, None, "events").send(MESSAGE)
    assert channel.basic_get("mails", auto_ack=True)[1].message_id == str(MESSAGE.id)
    opened.close()


def test_what_no_queue_takes_is_a_dead_letter_and_the_connection_goes_on(
    broker: Broker, queue: str, senders: list[RabbitMq]
) -> None:
    opened = broker.connect()
    opened.channel().exchange_declare("nowhere", "fanout")
    opened.close()
    with pytest.raises(DeliveryRefused, match="no queue takes what the exchange 'nowhere'"):
        to(broker, senders, queue, "nowhere").send(MESSAGE)
    with pytest.raises(DeliveryRefused, match=r"404.*'missing'"):
        to(broker, senders, queue, "missing").send(MESSAGE)
    sender = to(broker, senders, None)
    for _ in range(2):  # the second by the connection that was kept
        with pytest.raises(DeliveryRefused, match="no queue takes what the default exchange gets for 'mail'"):
            sender.send(MESSAGE)


def test_what_the_broker_does_not_store_is_tried_again(broker: Broker, senders: list[RabbitMq]) -> None:
    opened = broker.connect()
    bounded = {"x-max-length": 1, "x-overflow": "reject-publish"}
    opened.channel().queue_declare("full", arguments=bounded)
    sender = to(broker, senders, "full")
    sender.send(MESSAGE)
    with pytest.raises(DeliveryFailed, match="could not store it"):
        sender.send(MESSAGE)
    assert len(taken(broker, "full")) == 1
    sender.send(MESSAGE)
    opened.close()


def test_after_a_restart_of_the_broker_the_same_sender_delivers(
    broker: Broker, queue: str, senders: list[RabbitMq]
) -> None:
    sender = to(broker, senders, queue)
    sender.send(MESSAGE)
    broker.kill()
    for _ in range(2):  # by the connection that was kept, and by a new one
        with pytest.raises(DeliveryFailed, match="cannot be reached"):
            sender.send(MESSAGE)
    broker.start()
    sender.send(MESSAGE)
    assert [each.message_id for each, _ in taken(broker, queue)] == [str(MESSAGE.id)] * 2, "the first is persistent"


def test_a_connection_that_the_broker_has_ended_is_replaced(
    broker: Broker, queue: str, senders: list[RabbitMq]
) -> None:
    sender = to(broker, senders, queue)
    sender.send(MESSAGE)
    broker.kill()
    broker.start()
    sender.send(MESSAGE)
    assert len(taken(broker, queue)) == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "broker.invalid"])
def test_a_broker_that_cannot_be_reached_is_tried_again(host: str) -> None:
    sender = RabbitMq(f"amqp://{host}:{free_port()}", None, "", None, SECONDS)
    with pytest.raises(DeliveryFailed, match=f"RabbitMQ at {host} cannot be reached"):
        sender.send(MESSAGE)


def test_a_login_that_is_refused_is_tried_again(broker: Broker) -> None:
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        RabbitMq(broker.url, ("guest", "wrong"), "", None, SECONDS).send(MESSAGE)
