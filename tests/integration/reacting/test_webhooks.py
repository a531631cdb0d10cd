"""Webhooks on the wire: signed, within their time, over a connection that is kept."""

import time
from pathlib import Path

import pytest

from acci.store.reacting.senders.sender import DeliveryFailed
from acci.store.reacting.senders.signing import signature
from tests.support.certificates import Authority
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


def dripping(_: Received) -> tuple[int, dict[str, str]]:
    return 200, {"x-drip": "." * 500, "content-length": "0"}


def test_an_answer_that_drips_is_given_up_within_the_time_of_the_whole_delivery() -> None:
    """Each byte comes well within it; the answer would take a hundred times as long."""
    with Receiver(dripping, drip=0.1) as receiver, pytest.raises(DeliveryFailed, match="took too long"):
        receiver.webhook(seconds=1.0).send(outgoing())


def test_of_a_long_answer_the_beginning_is_read_and_its_connection_is_not_used_again() -> None:
    with Receiver(lambda _: (200, {"content-length": "1000000"}), content=bytes(1_000_000)) as receiver:
        hook = receiver.webhook()
        hook.send(outgoing())
        hook.send(outgoing())
        assert len(receiver.connections) == len(receiver.received) == 2


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    made = Authority(tmp_path, "ours")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
    return made


def test_by_tls_the_receiver_is_verified(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(tls=authority.serving("localhost")) as receiver:
        hook = receiver.webhook()
        hook.send(outgoing())
        hook.send(outgoing())
        assert len(receiver.received) == 2
        assert len(receiver.connections) == 1
        with pytest.raises(DeliveryFailed, match=r"127\.0\.0\.1 cannot be reached \(its certificate is not accepted"):
            receiver.webhook(host="127.0.0.1").send(outgoing())
        monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path, "another").certificate))
        with pytest.raises(DeliveryFailed, match="its certificate is not accepted"):
            receiver.webhook().send(outgoing())
        assert len(receiver.received) == 2
