"""Senders without a receiver: signatures, addresses, retries, mail, what the settings say of topics."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acci.domain.errors import AcciError
from acci.store.reacting.routes import Routes
from acci.store.reacting.senders import addresses
from acci.store.reacting.senders.cloud_event import cloud_event
from acci.store.reacting.senders.mail import mail_of
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused
from acci.store.reacting.senders.signing import secret_bytes, signature
from acci.store.reacting.senders.webhook import Webhook, retry_after
from acci.store.reacting.sending import LONGEST_PAUSE, backoff
from acci.store.settings import Settings, Topic, UnusableTopic, WrongSetting
from acci.store.settings.topics import shown_topic, topics_in_table, topics_in_text
from tests.support.outboxes import outgoing

HERE = Path()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_signature_is_that_of_the_specification() -> None:
    """The example of Standard Webhooks' own libraries."""
    body = b'{"test": 2432232314}'
    signed = signature([secret_bytes(SECRET)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_signs_while_they_rotate() -> None:
    one, other = secret_bytes(SECRET), bytes(24)
    first, second = signature([one, other], "i", 1, b"").split()
    assert [first, second] == [signature([one], "i", 1, b""), signature([other], "i", 1, b"")]


@pytest.mark.parametrize("secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?", "whsec_YQ=="])
def test_what_is_no_secret_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ValueError, match=r"whsec_|bytes") as refused:
        secret_bytes(secret)
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1", "::ffff:127.0.0.1",
        "64:ff9b::10.0.0.1", "2002:0a00:0001::1",
    ],
)  # fmt: skip
def test_an_address_of_a_private_network_is_refused_unless_it_is_allowed(address: str) -> None:
    assert not addresses.may_go_to(address, private=False)
    assert address.startswith("2002") or addresses.may_go_to(address, private=True)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "fe80::1%lo", "224.0.0.1", "ff02::1", "0.0.0.0",  # noqa: S104
         "::", "255.255.255.255",
        "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
    ],
)  # fmt: skip
def test_some_addresses_are_never_allowed(address: str) -> None:
    assert not addresses.may_go_to(address, private=True)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "8.8.8.8"])
def test_an_address_of_the_internet_may_be_gone_to(address: str) -> None:
    assert addresses.may_go_to(address, private=False)


def test_one_private_address_among_several_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    with pytest.raises(DeliveryRefused, match=r"10\.0\.0\.1"):
        addresses.resolve("two-faced.example", 443, private=False)
    assert len(addresses.resolve("two-faced.example", 443, private=True)) == 2


def test_a_webhook_to_this_machine_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(DeliveryRefused, match="allow-private"):
        Webhook("http://localhost:9/", (), 1.0, False).send(outgoing())


@pytest.mark.parametrize("name", ["Host", "webhook-id", "Content-Length", "ce-id", "Transfer-Encoding"])
def test_a_message_cannot_set_a_header_of_the_webhooks_own(name: str) -> None:
    with pytest.raises(DeliveryRefused, match=name):
        Webhook("http://localhost:9/", (), 1.0, True).send(outgoing({"payload": {}, "headers": {name: "x"}}))


@pytest.mark.parametrize("value", ["a\r\nb: c", "\0", "é"])
def test_a_header_cannot_begin_another(value: str) -> None:
    with pytest.raises(DeliveryRefused, match="character"):
        Webhook("http://localhost:9/", (), 1.0, True).send(outgoing({"payload": {}, "headers": {"x-a": value}}))


def test_a_cloud_event_has_the_position_as_text_and_a_sequence_that_compares() -> None:
    shapes: list[dict[str, Any]] = [{"position": 9}, {"position": 2**40, "ordinal": 3}, {"position": 1, "rewind": 1}]
    first, later, rewound = (json.loads(cloud_event(outgoing(**changes))) for changes in shapes)
    assert later["position"] == str(2**40)
    assert first["sequence"] < later["sequence"] < rewound["sequence"]
    assert (first["specversion"], first["type"], first["subject"]) == ("1.0", "mail", "k")
    assert first["source"] == "/tenants/acme/reactions/welcome_mail"
    assert datetime.fromisoformat(first["time"]).tzinfo is not None
    assert first["id"] == json.loads(cloud_event(outgoing(position=9)))["id"]
    assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in first.keys() - {"data"})


@given(st.integers(1, 10**6), st.floats(0, 1), st.none() | st.floats(0, 86_400))
def test_pauses_grow_up_to_an_hour_and_never_end_before_the_receiver_says(
    tries: int, jitter: float, asked: float | None
) -> None:
    pause = backoff(tries, jitter, asked)
    assert pause >= (asked or 0)
    assert 0.5 <= pause <= max(LONGEST_PAUSE, asked or 0)
    assert backoff(tries + 1, jitter, asked) >= pause
    assert pause >= backoff(tries, 1.0)


@pytest.mark.parametrize(
    ("value", "seconds"), [("120", 120), ("", None), ("soon", None), ("9" * 30, 86_400), ("-1", None)]
)
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    assert retry_after(value, 0.0) == seconds


def test_retry_after_as_a_moment() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    assert retry_after(format_datetime(datetime(2026, 1, 1, 0, 1, tzinfo=UTC), usegmt=True), now) == 60
    assert retry_after(format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True), now) == 0


LETTER = {"to": "ann@example.com", "subject": "Grüße", "text": "Hello"}


def letter(**changes: Any) -> Any:
    return mail_of(outgoing({"payload": LETTER | changes, "headers": {}}), "shop@example.com")


def test_a_mail_has_an_id_from_its_key_and_its_position() -> None:
    sender, recipients, mail = letter(cc=["bob@example.com"], html="<p>Hello</p>", reply_to="help@example.com")
    assert (sender, recipients) == ("shop@example.com", ["ann@example.com", "bob@example.com"])
    assert mail["Message-ID"] == f"<{outgoing().id}@example.com>"
    assert (mail["X-Acci-Position"], mail["X-Acci-Sequence"]) == ("7", outgoing().sequence)
    assert (mail["Subject"], mail["Reply-To"]) == ("Grüße", "help@example.com")
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert letter(**{"from": "me@example.org"})[0] == "me@example.org"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"subject": "a\r\nBcc: eve@example.com"}, "subject"),
        ({"subject": "a\nb"}, "subject"),
        ({"to": "ann@example.com\r\nBcc: eve@example.com"}, "to"),
        ({"to": ["ann@example.com", "no address"]}, "to"),
        ({"to": "ann@example.com, eve@example.com"}, "to"),
        ({"cc": "a@b\0"}, "cc"),
        ({"from": "me@example.org\nX: y"}, "from"),
        ({"reply_to": "Ann <a@b>"}, "reply_to"),
        ({"bcc": "eve@example.com"}, "bcc"),
        ({"text": 5}, "text"),
    ],
)
def test_a_mail_with_a_field_that_is_wrong_is_refused_by_its_name_alone(changes: Any, field: str) -> None:
    with pytest.raises(DeliveryRefused, match=rf"look at {field}") as refused:
        letter(**changes)
    assert "eve" not in str(refused.value)
    assert "example" not in str(refused.value)


@given(st.text(max_size=40))
def test_no_subject_makes_a_header_of_its_own(subject: str) -> None:
    try:
        _, _, mail = letter(subject=subject)
    except DeliveryRefused:
        return
    try:
        head = mail.as_bytes().partition(b"\r\n\r\n")[0]
    except UnicodeEncodeError:
        return
    names = {line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] not in b" \t"}
    expected = "From To Subject Message-ID Date Auto-Submitted X-Acci-Sequence X-Acci-Position Content-Type"
    assert names <= {*expected.encode().split(), b"Content-Transfer-Encoding", b"MIME-Version"}


HOOK = {"sender": "webhook", "url": "https://example.com/hook"}


def test_topics_are_read_from_a_file_and_from_json() -> None:
    table = {
        "mail": {"sender": "smtp", "url": "smtps://mail.example.com", "user": "u", "secret": "MAIL", "from": "a@b"}
    }
    in_file = topics_in_table(table, HERE)
    assert in_file == topics_in_text(json.dumps(table), HERE)
    assert in_file[0][1] == Topic("smtp", "smtps://mail.example.com", "u", ("MAIL",), sent_from="a@b")
    read = Settings.from_environment({"ACCI_TOPICS": json.dumps({"*": HOOK})})
    assert read.topics == (("*", Topic(HOOK["sender"], HOOK["url"])),)
    with pytest.raises(WrongSetting):
        Settings.from_environment({"ACCI_TOPICS": "{"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sender": "pigeon"}, "no sender 'pigeon'"),
        ({"url": "example.com"}, "url"),
        ({"url": "http://example.com"}, "without TLS"),
        ({"url": "https://me:pw@example.com"}, "url"),
        ({"secret": SECRET}, "environment variable"),
        ({"secret": ["A", "b c"]}, "environment variable"),
        ({"timout": 3}, "did you mean timeout"),
        ({"timeout": 0}, "timeout"),
        ({"tries": True}, "tries"),
        ({"tenants": "acme"}, "tenants"),
        ({"allow-private": "yes"}, "allow-private"),
        ({"user": "u"}, "no user"),
        ({"sender": "file"}, "it has no file"),
    ],
)
def test_what_cannot_be_a_topic_is_refused(changes: Any, said: str) -> None:
    with pytest.raises(UnusableTopic, match=said) as refused:
        topics_in_table({"t": HOOK | changes}, HERE)
    assert SECRET not in str(refused.value)


def routes(table: dict[str, Any], **environment: str) -> Routes:
    return Routes(topics_in_table(table, HERE), environment=environment)


def test_a_message_without_a_route_says_what_to_set() -> None:
    with pytest.raises(DeliveryRefused, match=r'\[tool.acci.topics."mail"\]'):
        routes({"other": HOOK}).of(outgoing())
    assert routes({"*": HOOK}).of(outgoing()).name == "*"
    assert routes({"*": HOOK, "mail": HOOK}).of(outgoing()).name == "mail"


def test_a_tenant_who_may_not_use_a_topic_is_refused() -> None:
    with pytest.raises(DeliveryRefused, match="acme"):
        routes({"mail": HOOK | {"tenants": ["other"]}}).of(outgoing())
    assert routes({"mail": HOOK | {"tenants": ["acme"], "timeout": 7}}).of(outgoing()).seconds == 7


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"secret": "HOOK_SECRET"}, "HOOK_SECRET"),
        ({"secret": "BAD"}, "Standard Webhooks"),
        ({"sender": "tests.unit.test_senders.Missing"}, "Missing"),
        ({"sender": "tests.unit.test_senders.HERE"}, "cannot be made"),
    ],
)
def test_a_route_that_could_not_be_used_is_refused_at_the_start(changes: Any, said: str) -> None:
    with pytest.raises(UnusableTopic, match=said):
        routes({"mail": HOOK | changes}, BAD="hunter2")


class Own:
    """A sender of a user's own."""

    def send(self, message: Any) -> None:
        raise DeliveryFailed(f"not {message.position} today")


def test_a_class_of_the_users_own_sends() -> None:
    route = routes({"mail": {"sender": "tests.unit.test_senders.Own", "tries": 2}}).of(outgoing())
    assert (type(route.sender).__name__, route.tries) == ("Own", 2)
    with pytest.raises(AcciError):
        route.sender.send(outgoing())


def test_a_file_gets_a_line_for_each_message_whole_and_for_its_owner_only(tmp_path: Path) -> None:
    (topic,) = topics_in_table({"*": {"sender": "file", "file": "sent/messages.jsonl"}}, tmp_path)
    assert shown_topic(topic[1]) == {"sender": "file", "file": str(tmp_path / "sent" / "messages.jsonl")}
    sender = Routes((topic,)).of(outgoing()).sender
    text = "ü" * 20_000
    with ThreadPoolExecutor(8) as several:
        list(
            several.map(lambda n: sender.send(outgoing({"payload": {"n": n, "text": text}, "headers": {}})), range(64))
        )

    file = tmp_path / "sent" / "messages.jsonl"
    sent = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert sorted(each["data"]["n"] for each in sent) == list(range(64))
    assert {each["type"] for each in sent} == {"mail"}
    assert file.stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    sender = Routes((("*", Topic("file", file=tmp_path)),)).of(outgoing()).sender
    with pytest.raises(DeliveryFailed, match=r"cannot be written \(Is a directory\)"):
        sender.send(outgoing())
