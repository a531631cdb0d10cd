"""Webhooks on the wire: signed, within their time, over a connection that is kept."""

import time

import pytest

from acci.store.reacting.senders.sender import DeliveryFailed
from acci.store.reacting.senders.signing import signature
from tests.support.outboxes import outgoing
from tests.support.receivers import Received, Receiver

KEY = bytes(range(24))


def test_what_arrives_is_signed_and_has_the_messages_own_headers() -> None:
    with Receiver() as receiver:
        message = outgoing({"payload": {"n": 1}, "headers": {"X-Shop": "a"}})
        hook = receiver.webhook(KEY, authorization="Bearer t")
        hook.send(message)
        hook.send(message)
        (first, again), headers = receiver.received, receiver.received[0].headers
        assert len(receiver.connections) == 1
    assert headers["webhook-signature"] == signature(
        [KEY], headers["webhook-id"], int(headers["webhook-timestamp"]), first.body
    )
    assert (headers["x-shop"], headers["authorization"]) == ("a", "Bearer t")
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert first.event["id"] == again.event["id"] == headers["webhook-id"] == str(message.id)


def slowly(_: Received) -> tuple[int, dict[str, str]]:
    time.sleep(0.5)
    return 200, {}


def test_a_receiver_that_does_not_answer_in_time_is_tried_again() -> None:
    with Receiver(slowly) as receiver, pytest.raises(DeliveryFailed, match="took too long"):
        receiver.webhook(seconds=0.1).send(outgoing())
