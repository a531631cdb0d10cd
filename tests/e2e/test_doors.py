"""Protection of the Prefect server that `acci up` starts: other sites' pages can neither use nor read it."""

import json
import re
import subprocess
import sys
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from acci.flows.local.prefect_api import LoginRefused, PrefectApi
from acci.flows.local.prefect_login import Access
from tests.support.prefect_server import PrefectServer
from tests.support.shell import acci, refusal

FOREIGN = "http://pages.example"
OPEN = {"/health", "/ready"}  # these say only that it runs
ATTACK = {"name": "attack"}

PAGES: dict[str, dict[str, str]] = {
    "plain": {"Content-Type": "application/json"},
    "foreign origin": {"Origin": FOREIGN, "Content-Type": "application/json"},
    "blob without CORS": {"Origin": FOREIGN, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Site": "cross-site"},
    "text without CORS": {"Origin": FOREIGN, "Sec-Fetch-Mode": "no-cors", "Content-Type": "text/plain"},
    "foreign host": {"Host": "pages.example:4200", "Origin": "http://pages.example:4200"},
}


def flows_named(prefect_server: PrefectServer, name: str) -> list[dict[str, Any]]:
    wanted = {"flows": {"name": {"any_": [name]}}}
    found: list[dict[str, Any]] = prefect_server.client.post("/flows/filter", json=wanted).raise_for_status().json()
    return found


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_another_site_creates_nothing(prefect_server: PrefectServer, page: str) -> None:
    """A page that can create a flow and a deployment can run any shell command on the worker."""
    body = json.dumps(ATTACK).encode()
    answer = httpx.post(f"{prefect_server.api_url}/flows/", content=body, headers=PAGES[page])
    assert answer.status_code == 403
    assert flows_named(prefect_server, "attack") == []


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_another_site_creates_nothing_with_the_browsers_login(
    prefect_server: PrefectServer, page: str
) -> None:
    """Browsers send a stored login with every request to that server, from any page."""
    user, _, password = prefect_server.access["PREFECT_API_AUTH_STRING"].partition(":")
    body = json.dumps(ATTACK).encode()
    path = f"{prefect_server.api_url}/flows/"
    answer = httpx.post(path, content=body, headers=PAGES[page], auth=(user, password))
    assert answer.status_code == 403
    assert "CSRF" in answer.text
    assert flows_named(prefect_server, "attack") == []


def test_every_request_without_the_login_is_refused(prefect_server: PrefectServer) -> None:
    """And nothing is executed: for every path and method in the server's own list."""
    described = prefect_server.client.get(prefect_server.api_url.removesuffix("/api") + "/api/openapi.json")
    paths = described.raise_for_status().json()["paths"]
    assert len(paths) > 100
    with httpx.Client(base_url=prefect_server.api_url, timeout=30) as anybody:
        for path, methods in paths.items():
            filled = re.sub(r"\{[^}]*\}", "00000000-0000-0000-0000-000000000000", path).removeprefix("/api")
            for method in methods:
                answered = anybody.request(method, filled).status_code
                is_open = method == "get" and filled in OPEN
                assert answered == 200 if is_open else answered in (401, 403), (method, path)


@pytest.mark.parametrize("login", ["acci:wrong", "acci:", ":", "acci"])
def test_another_login_is_refused(prefect_server: PrefectServer, login: str) -> None:
    api = PrefectApi(Access(prefect_server.api_url, login))
    for ask in (api.check_login, lambda: api.run_deployment("catch-up", "catch-up")):
        with pytest.raises(LoginRefused, match="PREFECT_API_AUTH_STRING"):
            ask()
    api.close()


@pytest.mark.parametrize("command", ["deploy", "run catch-up user_view"])
def test_a_command_without_the_login_fails_with_a_sentence(
    prefect_server: PrefectServer, command: str, database_url: str
) -> None:
    done = acci(*command.split(), ACCI_DATABASE_URL=database_url, PREFECT_API_URL=prefect_server.api_url)
    assert refusal(done) == str(LoginRefused(prefect_server.api_url))


def test_a_page_of_another_site_cannot_read_answers(prefect_server: PrefectServer) -> None:
    own = prefect_server.api_url.removesuffix("/api")
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}

    def allowed(origin: str) -> str | None:
        preflight = httpx.options(f"{own}/api/flows/", headers=asking | {"Origin": origin})
        answer = httpx.get(f"{own}/api/health", headers={"Origin": origin})
        found: set[str | None] = {each.headers.get("Access-Control-Allow-Origin") for each in (preflight, answer)}
        (one,) = found
        return one

    assert allowed(FOREIGN) is None
    assert allowed("null") is None
    assert allowed(own) == own


SOCKETS = [
    "/events/in",
    "/events/out",
    "/logs/out",
    "/task_runs/subscriptions/scheduled",
    "/work_pools/acci/workers/connect",
]


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize("said", [None, {"type": "auth"}, {"type": "auth", "token": "acci:wrong"}], ids=str)
def test_a_socket_from_another_site_is_closed(prefect_server: PrefectServer, path: str, said: Any) -> None:
    url = prefect_server.api_url.replace("http://", "ws://") + path
    speaking = [Subprotocol("prefect")] if said else None
    event = {"event": "attack", "resource": {"prefect.resource.id": "attack"}, "id": "0" * 32}
    heard = []
    with (
        suppress(InvalidStatus, ConnectionClosed),
        connect(url, origin=Origin(FOREIGN), subprotocols=speaking) as socket,
    ):
        for message in (said, event):
            socket.send(json.dumps(message))
        while True:
            heard.append(socket.recv(timeout=30))
    assert heard == []
    wanted = {"filter": {"event": {"name": ["attack"]}}}
    assert prefect_server.client.post("/events/filter", json=wanted).raise_for_status().json()["events"] == []


def test_an_expired_csrf_token_is_renewed(prefect_server: PrefectServer) -> None:
    client = prefect_server.client
    before = client.post("/flows/count", json={}).raise_for_status()
    # Any other token that the server gives to this client ends the one that it has.
    client.get("/csrf-token", params={"client": before.request.headers["Prefect-Csrf-Client"]}).raise_for_status()
    after = client.post("/flows/count", json={}).raise_for_status()
    assert after.request.headers["Prefect-Csrf-Token"] != before.request.headers["Prefect-Csrf-Token"]


def test_the_temporary_server_of_a_single_run_is_closed_too(tmp_path: Any) -> None:
    """The server that Prefect starts for `acci run` when there is none."""
    program = """
import os, httpx
from acci.flows.cli.run.flow_runs import _join_prefect
_join_prefect()
from prefect.client.orchestration import get_client
with get_client(sync_client=True) as client:
    assert client.read_flows() == []
    url = str(client.api_url)
    print(httpx.post(url + "flows/", json={"name": "attack"}).status_code)
    print(httpx.get(url + "flow_runs/filter").status_code, httpx.get(url + "work_pools/x").status_code)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "ACCI_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["403", "401", "401"], done.stderr
