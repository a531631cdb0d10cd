"""People are told of what is wrong, through a notification block of the user's own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest

from flows.local.deploying import NoSuchBlock
from tests.prefect_server import PrefectServer, wait_for


@contextmanager
def hearing() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A place that takes messages, and what it has heard."""
    heard: list[dict[str, str]] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name is the library's
            """Say nothing."""

    place = ThreadingHTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=place.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{place.server_port}/", heard
    finally:
        place.shutdown()
        place.server_close()


def block(prefect_server: PrefectServer, url: str) -> str:
    """A webhook as a block, as made on the page for it."""
    client = prefect_server.client
    kind = client.get("/block_types/slug/custom-webhook").raise_for_status().json()["id"]
    of_kind = {"block_schemas": {"block_type_id": {"any_": [kind]}}}
    (schema, *_) = client.post("/block_schemas/filter", json=of_kind).raise_for_status().json()
    data = {"name": "x", "url": url, "method": "POST", "json_data": {"subject": "{{subject}}", "body": "{{body}}"}}
    wanted = {"name": "on-call", "data": data, "block_type_id": kind, "block_schema_id": schema["id"]}
    client.post("/block_documents/", json=wanted).raise_for_status()
    return "custom-webhook/on-call"


@pytest.mark.timeout(400)
def test_what_happens_is_told(prefect_server: PrefectServer) -> None:
    with hearing() as (url, heard):
        prefect_server.deploy(notify=block(prefect_server, url))
        happened = {
            "acci.dead-letter": {"dead_letters": 3},
            "acci.unhealthy.lag": {"said": "user_view is late."},
            "acci.audit.found": {"findings": 2, "severity": "error"},
        }
        for event, payload in happened.items():
            resource = {"prefect.resource.id": "acci.read-model.user_view"}
            emitted = {
                "event": event,
                "resource": resource,
                "payload": payload,
                "occurred": str(datetime.now(UTC)),
                "id": str(uuid4()),
            }
            prefect_server.client.post("/events", json=[emitted]).raise_for_status()
        wait_for(lambda: len(heard) >= len(happened), 60, "all of it is told")
    bodies = sorted(message["body"] for message in heard)
    assert bodies == [
        "2 findings, error at worst, of acci.read-model.user_view: `acci findings`",
        "3 events, acci.read-model.user_view: `acci dead-letters list`",
        "user_view is late.",
    ]


def test_a_block_that_is_not_there_is_refused(prefect_server: PrefectServer) -> None:
    with pytest.raises(NoSuchBlock, match="no notification block 'slack-webhook/nobody'"):
        prefect_server.deploy(notify="slack-webhook/nobody")
