"""`POST /commands/{Name}`: once for a key, at a version, and refused with a problem."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from acci import Application
from acci.domain.users.user import User
from tests.integration.web.conftest import Client

ANN = {"user_id": "ann", "email": "ann@example.com", "name": "Ann"}


def send(web: Client, name: str, data: dict[str, Any], **headers: str) -> Any:
    return web.post(f"/commands/{name}", json=data, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_a_command_is_answered_with_what_it_led_to(web: Client, app: Application) -> None:
    done = send(web, "CreateUser", ANN, x_correlation_id="request-7")
    assert (done.status_code, done.headers["etag"]) == (200, '"1"')
    answer = done.json()
    (event,) = answer["events"]
    assert (answer["aggregate_type"], answer["aggregate_id"], answer["version"]) == ("User", "ann", 1)
    assert answer["position"] == event["position"] > 0
    assert event["data"] == {"email": "ann@example.com", "name": "Ann"}
    assert (event["correlation_id"], event["user_id"]) == ("request-7", "me")
    assert event["causation_id"] == answer["command_id"]
    assert app.load(User, "ann", tenant_id="t1").version == 1
    unchanged = send(web, "UpdateUser", {"user_id": "ann", "name": "Ann"})
    assert (unchanged.json()["events"], unchanged.json()["position"]) == ([], None)
    assert "etag" not in unchanged.headers


def test_with_the_same_key_it_happens_once_and_is_answered_alike(web: Client) -> None:
    key = "an order, 4711; ünlike any other"
    once = web.post("/commands/CreateUser", json=ANN, headers={"Idempotency-Key": key.encode()})
    again = web.post("/commands/CreateUser", json=ANN, headers={"Idempotency-Key": key.encode()})
    assert (once.status_code, once.content) == (again.status_code, again.content)
    assert once.headers["etag"] == again.headers["etag"]
    nothing = send(web, "UpdateUser", {"user_id": "ann", "name": "Ann"}, idempotency_key="nothing")
    send(web, "UpdateUser", {"user_id": "ann", "name": "Anna"})
    assert send(web, "UpdateUser", {"user_id": "ann", "name": "Ann"}, idempotency_key="nothing").content == (
        nothing.content
    )
    other = web.post("/commands/CreateUser", json=ANN | {"name": "Bob"}, headers={"Idempotency-Key": key.encode()})
    assert (other.status_code, other.json()["type"]) == (422, "urn:acci:problem:key-reused")
    elsewhere = send(web, "CreateUser", ANN, idempotency_key="nothing", x_tenant="t2")
    assert elsewhere.json()["version"] == 1


def test_the_same_key_at_the_same_time_happens_once(web: Client, app: Application) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: send(web, "CreateUser", ANN, idempotency_key="k"), range(32)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert len(app.history(User, "ann", tenant_id="t1")) == 1


def test_a_command_that_expects_a_version(web: Client) -> None:
    assert send(web, "UpdateUser", {"user_id": "ann", "name": "A"}, if_match="*").status_code == 412
    assert send(web, "CreateUser", ANN, if_none_match="*").status_code == 200
    rename = {"user_id": "ann", "name": "Anna"}
    stale = send(web, "UpdateUser", rename, if_match='"7"')
    assert (stale.status_code, stale.json()["detail"]) == (412, "It is at version 1; nothing was stored.")
    assert send(web, "UpdateUser", rename, if_match='"5", "1"', idempotency_key="a").headers["etag"] == '"2"'
    assert send(web, "UpdateUser", rename, if_match='"5", "1"', idempotency_key="a").headers["etag"] == '"2"'
    assert send(web, "UpdateUser", rename | {"name": "B"}, if_match='"2"', idempotency_key="b").status_code == 200
    assert send(web, "UpdateUser", rename | {"name": "B"}, if_match='"2"', idempotency_key="b").status_code == 200
    assert send(web, "UpdateUser", rename, if_match="*").status_code == 200
    assert send(web, "CreateUser", ANN | {"user_id": "eve"}, if_match='"0"').status_code == 200


@pytest.mark.parametrize("tag", ['W/"1"', '"abc"', '"01"', '"99999999999999999999"', '"-1"', '""'])
def test_a_tag_that_is_weak_or_no_version_matches_nothing(web: Client, tag: str) -> None:
    send(web, "CreateUser", ANN)
    done = send(web, "UpdateUser", {"user_id": "ann", "name": "B"}, if_match=tag)
    assert (done.status_code, done.json()["type"]) == (412, "urn:acci:problem:precondition-failed")


@pytest.mark.parametrize("tag", ["1", '"1', "", ",", '"1" "2"', '"1"; x', '*, "1"', 'w/"1"'])
def test_a_malformed_tag_is_refused(web: Client, tag: str) -> None:
    assert send(web, "UpdateUser", {"user_id": "ann", "name": "B"}, if_match=tag).status_code == 400
    assert send(web, "UpdateUser", {"user_id": "ann", "name": "B"}, if_none_match='"1"').status_code == 400


def test_what_is_wrong_with_a_command_is_named_by_field(web: Client) -> None:
    wrong = send(web, "CreateUser", {"user_id": " ", "email": 7, "extra": True})
    assert (wrong.status_code, wrong.headers["content-type"]) == (422, "application/problem+json")
    assert wrong.json()["type"] == "urn:acci:problem:invalid-command"
    assert {each["field"] for each in wrong.json()["errors"]} == {"user_id", "email", "name", "extra"}
    send(web, "CreateUser", ANN)
    refused = send(web, "CreateUser", ANN)
    assert (refused.status_code, refused.json()["detail"]) == (409, "the user exists already and is active.")
    unknown = send(web, "Unheard", ANN)
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "There is no command of that name.")
    assert "CreateUser" not in unknown.text


def test_without_an_identity_nothing_is_done(web: Client, app: Application) -> None:
    assert send(web, "CreateUser", ANN, x_user="nobody").status_code == 401
    assert send(web, "CreateUser", ANN, x_user="").status_code == 500
    assert app.load(User, "ann", tenant_id="t1").version == 0
