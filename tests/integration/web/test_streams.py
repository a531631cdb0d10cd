"""`GET /streams/{type}/{id}`: pages, entity tags, and names that cannot be."""

from urllib.parse import quote

import pytest

from tests.integration.web.conftest import Client
from tests.integration.web.test_commands import ANN, send

STREAM = "/streams/User/ann"


@pytest.fixture
def ann(web: Client) -> Client:
    """There is a user with three events."""
    for name, data in (("CreateUser", ANN), ("UpdateUser", {"user_id": "ann", "name": "B"})):
        send(web, name, data)
    send(web, "DeactivateUser", {"user_id": "ann", "reason": "on leave"})
    return web


def test_a_stream_page_by_page(ann: Client) -> None:
    first = ann.get(STREAM, params={"limit": 2})
    assert (first.status_code, first.headers["etag"]) == (200, '"3"')
    page = first.json()
    assert (page["version"], page["next"]) == (3, 2)
    last = ann.get(STREAM, params={"after": page["next"], "limit": 2}).json()
    assert [each["event_type"] for each in page["events"] + last["events"]] == [
        "UserCreated",
        "UserUpdated",
        "UserDeactivated",
    ]
    assert last["next"] is None
    assert ann.get(STREAM, params={"after": 7}).json()["events"] == []
    assert send(ann, "ReactivateUser", {"user_id": "ann"}, if_match=first.headers["etag"]).headers["etag"] == '"4"'


@pytest.mark.parametrize(
    ("tag", "status"),
    [('"3"', 304), ('W/"3"', 304), ('"1", "3"', 304), ("*", 304), ('"2"', 200), ("3", 400), ('"3" "4"', 400)],
)
def test_what_is_known_already_is_not_sent_again(ann: Client, tag: str, status: int) -> None:
    found = ann.get(STREAM, headers={"If-None-Match": tag})
    assert found.status_code == status
    if status == 304:
        assert (found.content, found.headers["etag"]) == (b"", '"3"')


@pytest.mark.parametrize(
    "path",
    ["/streams/User/bob", "/streams/Unheard/ann", "/streams/User/", "/streams/User/%00", "/streams/%00/ann",
     f"/streams/User/{quote('é' * 300)}", "/streams/User/%ff", "/streams/User/ann%2Fb"],
)  # fmt: skip
def test_a_stream_that_is_not_there(ann: Client, path: str) -> None:
    found = ann.get(path)
    assert (found.status_code, found.json()["type"]) == (404, "urn:acci:problem:not-found")


def test_an_id_with_a_slash(web: Client) -> None:
    send(web, "CreateUser", ANN | {"user_id": "a/b c"})
    assert web.get("/streams/User/a%2Fb%20c").json()["aggregate_id"] == "a/b c"


def test_another_tenants_stream_is_not_there(ann: Client) -> None:
    assert ann.get(STREAM, headers={"x-tenant": "t2"}).status_code == 404


@pytest.mark.parametrize("bounds", ["limit=0", "limit=1001", "limit=a", "after=-1", "after=2147483648", "other=1"])
def test_bounds_that_are_not_valid(ann: Client, bounds: str) -> None:
    wrong = ann.get(f"{STREAM}?{bounds}")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, bounds.partition("=")[0])
