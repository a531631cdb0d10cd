"""What `acci serve` asks of every request: its own Host and Origin, and the token."""

from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal

from acci import AsyncApplication
from acci.flows.web.serving import AddressRefused, listen, web_application
from tests.integration.application.conftest import USERS
from tests.integration.web.conftest import Client
from tests.integration.web.test_commands import ANN

TOKEN = "a-token-of-the-test-alone"
KNOWN = {"Authorization": f"Bearer {TOKEN}", "X-Tenant-ID": "t1", "X-User-ID": "me"}
STREAM = "/streams/User/ann"


@pytest.fixture
def served(database_url: str) -> Iterator[Client]:
    asynchronous = AsyncApplication(database_url, USERS)
    with start_blocking_portal() as portal, asynchronous.application:
        yield Client(web_application(asynchronous, TOKEN, ["api.example.com"]), portal)


def test_every_request_needs_the_token_but_one(served: Client) -> None:
    for path in (STREAM, "/readyz", "/metrics", "/openapi.json", "/nothing"):
        without = served.get(path)
        assert (without.status_code, without.headers["www-authenticate"]) == (401, "Bearer"), path
    assert served.get("/livez").status_code == 200
    for path in ("/readyz", "/metrics", "/openapi.json"):
        assert served.get(path, headers=KNOWN).status_code == 200, path


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", f"Bearer {TOKEN}x", f"bearer\t{TOKEN}"]
)
def test_another_token_is_none(served: Client, value: str) -> None:
    refused = served.get(STREAM, headers=KNOWN | {"Authorization": value})
    assert (refused.status_code, refused.json()["type"]) == (401, "urn:acci:problem:not-authenticated")
    assert TOKEN not in refused.text


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "api.example.com", "API.example.com.:443"]
)
def test_its_own_hosts(served: Client, host: str) -> None:
    assert served.get("/livez", headers={"Host": host}).status_code == 200
    assert served.get("/livez", headers={"Host": host, "Origin": f"http://{host.lower()}"}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 403), ("api.example.com.evil.example", 403), (":80", 403), ("", 400)]
)
def test_another_host_is_refused(served: Client, host: str, status: int) -> None:
    assert served.get("/livez", headers={"Host": host}).status_code == status
    assert served.get(STREAM, headers=KNOWN | {"Host": host}).status_code == status
    assert served.get(STREAM, headers=[*KNOWN.items(), ("Host", "localhost"), ("Host", "a")]).status_code == 400


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost:1", "http://localhost.evil.example", "file://localhost", ""],
)
def test_another_origin_is_refused(served: Client, origin: str) -> None:
    for method, path in (("GET", STREAM), ("OPTIONS", "/commands/CreateUser"), ("POST", "/commands/CreateUser")):
        refused = served.request(method, path, headers=KNOWN | {"Origin": origin})
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers


def test_who_acts_is_in_two_headers(served: Client) -> None:
    done = served.post("/commands/CreateUser", json=ANN, headers=KNOWN | {"X-Tenant-ID": "é".encode()})
    assert done.status_code == 200
    assert served.get(STREAM, headers=KNOWN).status_code == 404
    assert served.get(STREAM, headers=KNOWN | {"X-Tenant-ID": "é".encode()}).status_code == 200
    for name in ("X-Tenant-ID", "X-User-ID"):
        for wrong in (b"", b" ", b"\xff"):
            assert served.get(STREAM, headers={**KNOWN, name: wrong}).status_code == 400
        left_out = {key: value for key, value in KNOWN.items() if key != name}
        assert served.get(STREAM, headers=left_out).status_code == 400


def test_what_is_not_there_is_a_problem_too(served: Client) -> None:
    nothing = served.get("/nothing", headers=KNOWN)
    assert (nothing.status_code, nothing.headers["content-type"]) == (404, "application/problem+json")
    method = served.request("DELETE", STREAM, headers=KNOWN)
    assert (method.status_code, "GET" in method.headers["allow"]) == (405, True)
    assert method.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["", " ", "no.such.host.invalid", "192.0.2.1"])
def test_an_address_that_cannot_be_had_is_a_sentence(host: str) -> None:
    with pytest.raises(AddressRefused, match="Choose another --port or --host"):
        listen(host, 0)


def test_a_port_that_is_taken_is_a_sentence() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(AddressRefused, match="in use"):
        listen("127.0.0.1", first.getsockname()[1])
