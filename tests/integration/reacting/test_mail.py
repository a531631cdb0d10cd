"""Mail on the wire: with a login and TLS, to all recipients or none, and the whole of it within its time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from acci.store.embedded.ports import free_port
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused
from acci.store.reacting.senders.smtp import Mailer
from tests.support.certificates import Authority
from tests.support.mail_server import LOGIN, MailServer
from tests.support.outboxes import outgoing

LETTER = {"to": ["ann@example.com", "bob@example.com"], "subject": "Grüße", "text": "Hello\n.\nagain"}
MESSAGE = outgoing({"payload": LETTER, "headers": {}})
Make = Callable[..., Mailer]


@pytest.fixture
def mailer() -> Iterator[Make]:
    made: list[Mailer] = []

    def make(url: str, seconds: float = 20.0, plain: bool = False, login: Any = None) -> Mailer:
        made.append(Mailer(url, login, "shop@example.com", seconds, plain))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def plain() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


def to(server: MailServer, host: str = "127.0.0.1") -> str:
    return f"smtp://{host}:{server.port}"


def test_a_mail_arrives_with_an_id_from_its_key_over_a_connection_that_is_kept(plain: MailServer, mailer: Make) -> None:
    sender = mailer(to(plain), plain=True, login=LOGIN)
    sender.send(MESSAGE)
    sender.send(MESSAGE)
    first, again = plain.letters
    assert (first.sender, first.recipients, first.has_login) == ("shop@example.com", LETTER["to"], True)
    assert first.mail["Message-ID"] == again.mail["Message-ID"] == f"<{MESSAGE.id}@example.com>"
    assert first.mail["Subject"] == "Grüße"
    assert plain.connections == 1


@pytest.mark.parametrize(
    ("line", "answer", "kind", "said"),
    [
        ("RCPT TO:<BOB@", "550 bob@example.com is nobody", DeliveryRefused, "answered 550"),
        ("RCPT TO:<BOB@", "451 bob@example.com later", DeliveryFailed, "answered 451"),
        ("MAIL", "553 no", DeliveryRefused, "answered 553"),
        (".", "554 spam", DeliveryRefused, "answered 554"),
        (".", "452 full", DeliveryFailed, "answered 452"),
        ("AUTH", "535 wrong", DeliveryFailed, r"refused the login \(535\)"),
        ("HELLO", "554 not now", DeliveryFailed, "does not take mail now"),
    ],
)
def test_an_answer_decides_whether_it_is_tried_again_and_nobody_gets_it(
    plain: MailServer, mailer: Make, line: str, answer: str, kind: Any, said: str
) -> None:
    sender = mailer(to(plain), plain=True, login=LOGIN)
    plain.answers[line] = answer
    with pytest.raises(kind, match=said) as refused:
        sender.send(MESSAGE)
    assert "bob" not in str(refused.value)
    assert plain.letters == []
    plain.answers.clear()
    sender.send(MESSAGE)
    assert len(plain.letters) == 1


@pytest.mark.parametrize("line", ["HELLO", "MAIL", "RCPT", ".", "NOOP"])
def test_a_server_that_drips_is_given_up_within_the_time_of_the_whole_mail(
    plain: MailServer, mailer: Make, line: str
) -> None:
    """Each byte comes well within it; the answers together, or one of them, would take a hundred times as long."""
    sender = mailer(to(plain), seconds=1.5, plain=True)
    if line == "NOOP":
        sender.send(MESSAGE)
    plain.answers[line], plain.pauses[line] = "250 " + "." * 500, 0.1
    with pytest.raises(DeliveryFailed, match="it took too long"):
        sender.send(MESSAGE)
    # With the last answer missing, nobody knows that it was taken.
    assert len(plain.letters) == (line in (".", "NOOP"))


def test_steps_that_are_slow_together_are_too_slow(plain: MailServer, mailer: Make) -> None:
    payload = LETTER | {"to": [f"n{number}@example.com" for number in range(100)]}
    plain.pauses["RCPT"] = 0.01  # a recipient takes 0.08 seconds
    with pytest.raises(DeliveryFailed, match="it took too long"):
        mailer(to(plain), seconds=1.0, plain=True).send(outgoing({"payload": payload, "headers": {}}))
    assert plain.letters == []


def test_a_server_that_cannot_be_reached_is_tried_again(mailer: Make) -> None:
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        mailer(f"smtp://127.0.0.1:{free_port()}").send(MESSAGE)


def test_a_server_without_tls_gets_no_mail(plain: MailServer, mailer: Make) -> None:
    with pytest.raises(DeliveryRefused, match="no TLS"):
        mailer(to(plain)).send(MESSAGE)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    made = Authority(tmp_path, "ours")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
    return made


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_mail_is_encrypted_and_the_server_verified(
    authority: Authority, mailer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    with MailServer(authority.serving("localhost"), scheme == "smtps") as server:
        url = f"{scheme}://localhost:{server.port}"
        mailer(url, login=LOGIN).send(MESSAGE)
        (letter,) = server.letters
        assert (letter.is_encrypted, letter.has_login) == (True, True)
        with pytest.raises(DeliveryFailed, match=r"certificate of 127\.0\.0\.1 is not accepted"):
            mailer(url.replace("localhost", "127.0.0.1"), login=LOGIN).send(MESSAGE)
        monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path, "another").certificate))
        with pytest.raises(DeliveryFailed, match="certificate of localhost is not accepted"):
            mailer(url, login=LOGIN).send(MESSAGE)
        assert len(server.letters) == 1
