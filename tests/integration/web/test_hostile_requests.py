"""Bodies that are too large, no JSON or not what they seem; and what no client may see."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from fastapi import Depends

from acci import Application, DefinitionError
from acci.flows.web import router
from tests.integration.web.conftest import Client
from tests.integration.web.test_commands import ANN, send

JSON = {"Content-Type": "application/json"}
CREATE = "/commands/CreateUser"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"nonsense", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'{"user_id": "a", "user_id": "b"}', 400),
        (b'{"user_id": "\\u0000"}', 400),
        (b'{"user_id": "\\ud800"}', 400),
        (b'{"user_id": "\xff"}', 400),
        (b'{"user_id": NaN}', 400),
        (b'{"user_id": 1e999}', 400),
        (b'{"user_id": ' + b"9" * 5000 + b"}", 400),
        (b'{"user_id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"user_id": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}", 422),
    ],
)
def test_a_body_that_is_no_command(web: Client, body: bytes, status: int) -> None:
    wrong = web.post(CREATE, content=body, headers=JSON)
    assert wrong.status_code == status, wrong.text
    assert wrong.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/problem+json"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_a_body_that_is_not_json_by_its_headers(web: Client, headers: dict[str, str]) -> None:
    assert web.post(CREATE, content=b"{}", headers=headers).status_code == 415


def test_a_body_that_is_too_large(app: Application, serve: Callable[..., Client]) -> None:
    web = serve(app, body_limit=1000)
    large = b'{"name": "' + b"x" * 1000 + b'"}'
    assert web.post(CREATE, content=large, headers=JSON).status_code == 413

    def pieces() -> Iterator[bytes]:
        yield from (large[start : start + 100] for start in range(0, len(large), 100))

    assert web.post(CREATE, content=_asynchronous(pieces()), headers=JSON).status_code == 413
    assert web.post(CREATE, content=b"{}", headers=JSON | {"Content-Length": "9" * 30}).status_code == 413


async def _asynchronous(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_methods_and_parameters_that_are_not_for_it(web: Client) -> None:
    for method, path in (("GET", CREATE), ("PUT", CREATE), ("POST", "/queries/get_user"), ("OPTIONS", CREATE)):
        assert web.request(method, path).status_code == 405, (method, path)
    assert web.post(f"{CREATE}?dry_run=1", json=ANN).status_code == 422


@pytest.mark.parametrize("name", ["X-Correlation-ID", "Idempotency-Key"])
def test_a_header_that_cannot_be_used(web: Client, name: str) -> None:
    assert web.post(CREATE, json=ANN, headers={name: ""}).status_code == 400
    assert web.post(CREATE, json=ANN, headers={"X-Correlation-ID": "x" * 201}).status_code == 400
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert web.post(CREATE, json=ANN, headers=twice).status_code == 400


def test_a_database_that_cannot_be_reached(serve: Callable[..., Client], caplog: pytest.LogCaptureFixture) -> None:
    with Application("postgresql://secret:word@127.0.0.1:1/shop", ["acci.domain.users"]) as app:
        web = serve(app)
        for answer in (
            send(web, "CreateUser", ANN),
            web.get("/queries/get_user?id=ann"),
            web.get("/streams/User/ann"),
            web.get("/readyz"),
        ):
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:acci:problem:unavailable")
            assert int(answer.headers["retry-after"]) > 0
            assert not any(word in answer.text for word in ("127.0.0.1", "shop", "secret", "acci up", "ACCI_"))
            assert answer.json()["correlation_id"] in caplog.text
        assert web.get("/livez").status_code == 200
    assert "word" not in caplog.text


def test_what_goes_wrong_here_is_logged_without_what_was_sent(
    web: Client, app: Application, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("ann@example.com broke it")

    monkeypatch.setattr(Application, "send", fail)
    with caplog.at_level(logging.DEBUG, "acci"):
        answer = send(web, "CreateUser", ANN)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:acci:problem:unexpected")
    assert "ann" not in answer.text
    assert answer.json()["correlation_id"] in caplog.text
    assert "RuntimeError" in caplog.text
    assert "ann@example.com" not in caplog.text


def test_without_an_identity_it_does_not_mount(app: Application) -> None:
    for nothing in (None, lambda: None):
        with pytest.raises(DefinitionError, match="Depends"):
            router(app, nothing)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="operator"):
        router(app, Depends(lambda: None), operator=3)  # type: ignore[arg-type]
