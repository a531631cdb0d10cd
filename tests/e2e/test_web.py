"""`acci serve` as a process: it ends cleanly, and what it acknowledged is stored once, however often it is killed."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from acci.store.postgres.database import connect
from tests.support.web_process import WebProcess

SECONDS = float(os.environ.get("ACCI_TEST_WEB_SECONDS", "5"))
CLIENTS = 50


@pytest.fixture
def web(database_url: str, tmp_path: Path) -> Iterator[WebProcess]:
    process = WebProcess(database_url, tmp_path)
    process.start()
    try:
        yield process
    finally:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_finishes_what_is_under_way_and_ends(web: WebProcess, database_url: str, number: signal.Signals) -> None:
    create = {"user_id": "ann", "email": "ann@example.com", "name": "Ann"}
    answers: list[httpx.Response] = []

    def send() -> None:
        url = f"{web.url}/commands/CreateUser"
        answers.append(httpx.post(url, json=create, headers=web.headers, timeout=60))

    sender = threading.Thread(target=send)
    with connect(database_url, "test") as connection, connection.transaction():
        connection.execute("LOCK TABLE acci.events IN EXCLUSIVE MODE")  # the command waits for it
        sender.start()
        while not connection.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
            time.sleep(0.01)
        ender = threading.Thread(target=lambda: ended.append(web.end(number)))
        ended: list[tuple[int, str]] = []
        ender.start()
        while _answers(web):
            time.sleep(0.01)
    sender.join()
    ender.join()
    assert [answer.status_code for answer in answers] == [200]
    code, said = ended[0]
    assert code == 0
    assert said == "Ended.\n"


def _answers(web: WebProcess) -> bool:
    try:
        socket.create_connection(("127.0.0.1", web.port)).close()
    except OSError:
        return False
    return True


def test_what_it_acknowledged_is_stored_once(web: WebProcess, database_url: str) -> None:
    end = time.monotonic() + SECONDS
    killed: list[float] = []

    def kill() -> None:
        while time.monotonic() < end:
            time.sleep(min(SECONDS / 4, 4))
            web.kill()
            web.start()
            killed.append(time.monotonic())

    killer = threading.Thread(target=kill)
    killer.start()
    acknowledged = asyncio.run(_clients(web, end))
    killer.join()
    with connect(database_url, "test") as connection:
        stored = connection.execute("SELECT aggregate_id, count(*) FROM acci.events GROUP BY 1").fetchall()
    assert {many for _, many in stored} == {1}
    assert set(acknowledged) == {name for name, _ in stored}
    assert len(acknowledged) >= CLIENTS
    assert killed
    print(f"{len(acknowledged):,} commands of {CLIENTS} clients, killed {len(killed)} times in {SECONDS:g} s")  # noqa: T201


async def _clients(web: WebProcess, end: float) -> list[str]:
    found = await asyncio.gather(*(_client(web, number, end) for number in range(CLIENTS)))
    return [name for each in found for name in each]


async def _client(web: WebProcess, number: int, end: float) -> list[str]:
    """What one client had acknowledged: each command is sent with its key until it is."""
    acknowledged: list[str] = []
    async with httpx.AsyncClient(base_url=web.url, headers=web.headers, timeout=60, verify=False) as client:  # noqa: S501
        while time.monotonic() < end:
            name = f"user-{number}-{len(acknowledged)}"
            await _acknowledged(client, name)
            acknowledged.append(name)
    return acknowledged


async def _acknowledged(client: httpx.AsyncClient, name: str) -> None:
    command = {"user_id": name, "email": f"{name}@example.com", "name": name}
    while True:
        try:
            answer = await client.post("/commands/CreateUser", json=command, headers={"Idempotency-Key": name})
        except httpx.TransportError:
            await asyncio.sleep(0.05)
            continue
        if answer.status_code == 200:
            return
        assert answer.status_code == 503, answer.text
        await asyncio.sleep(0.1)
