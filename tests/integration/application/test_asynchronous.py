"""The application for asyncio: the same answers, a call for each connection at once, the event loop never held up."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar, assert_type
from uuid import uuid4

import pytest

from acci import Application, AsyncApplication, Refused, StreamId, acting_as
from acci.domain.users.queries import GetUser, SearchUsers, UserRow
from acci.domain.users.user import CreateUser, UpdateUser, User
from acci.domain.users.user_view import UserView
from acci.store.aggregates.loading import Loaded
from acci.store.application.handled import Handled
from acci.store.application.pool import ApplicationClosed
from acci.store.reading.waiting import NotThereYet
from tests.integration.application.conftest import USERS, publish

T = TypeVar("T")
POOL, REQUESTS = 20, 500
ANN = CreateUser(user_id="ann", email="ann@example.com", name="Ann")


@asynccontextmanager
async def application(url: str) -> AsyncIterator[AsyncApplication]:
    async with AsyncApplication(url, USERS) as app:
        yield app


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 120))


def test_the_answers_are_those_of_the_application(published: Application) -> None:
    async def work() -> None:
        async with application(published.database.url) as app:
            with acting_as(tenant_id="t1", user_id="me", correlation_id="request-7"):
                done = await app.send(ANN)
                assert_type(done, Handled)
                assert done.events[0].metadata.correlation_id == "request-7"
                (again,) = await app.send_together([UpdateUser(user_id="ann", name="Anna")])
                with pytest.raises(Refused):
                    await app.send(ANN)
                loaded = await app.load(User, "ann")
                assert_type(loaded, Loaded[User])
                assert (loaded.state.name, loaded.version) == ("Anna", 2)
                assert [change.event.version for change in await app.history(User, "ann")] == [1, 2]
                with pytest.raises(NotThereYet):
                    await app.wait_for(again, timeout=0)
                await app.run(publish, app.application)
                await app.wait_for(again)
                found = await app.query(SearchUsers(tenant_id="t1", query="ann"))
                assert_type(found, list[UserRow])
                one = await app.query(GetUser(tenant_id="t1", id="ann"))
                assert_type(one, UserRow | None)
                assert found == [one]
                assert len(await app.as_of(UserView, done.position or 0)) == 1
                assert (await app.status()).projections[0].state == "live"
                assert await app.run(app.events.version, StreamId("t1", "User", "ann")) == 2

    run(work())


def test_many_requests_share_few_connections_and_the_loop_goes_on(
    published: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCI_POOL_SIZE", str(POOL))
    monkeypatch.setenv("ACCI_POOL_WAIT", "1")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async def request(app: AsyncApplication, number: int) -> tuple[str, str | None]:
        with acting_as(tenant_id=f"t{number % 3}", user_id=f"user-{number}"):
            command = CreateUser(user_id=f"u{number}", email="a@example.com", name="A")
            (event,) = (await app.send(command)).events
            assert (await app.load(User, f"u{number}")).version == 1
            return event.tenant_id, event.metadata.user_id

    async def work() -> list[tuple[str, str | None]]:
        async with application(published.database.url) as app:
            ticking = asyncio.create_task(tick())
            answers = await asyncio.gather(*(request(app, number) for number in range(REQUESTS)))
            ticking.cancel()
            return answers

    assert run(work()) == [(f"t{number % 3}", f"user-{number}") for number in range(REQUESTS)]
    assert ticks > REQUESTS


def test_a_call_that_is_cancelled_while_it_waits_does_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCI_POOL_SIZE", "1")

    async def work() -> None:
        async with application(database_url) as app:
            busy, free = threading.Event(), threading.Event()

            def hold() -> None:
                busy.set()
                free.wait()

            holding = asyncio.create_task(app.run(hold))
            assert await asyncio.to_thread(busy.wait, 30)
            waiting = asyncio.create_task(app.send(ANN, tenant_id="t1", user_id="me"))
            await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            free.set()
            await holding
            assert (await app.load(User, "ann", tenant_id="t1")).version == 0

    run(work())


def test_who_waits_for_a_read_model_has_no_thread_and_can_be_cancelled(
    published: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCI_POOL_SIZE", "1")

    async def work() -> None:
        async with application(published.database.url) as app:
            done = await app.send(ANN, tenant_id="t1", user_id="me")
            waiting = [asyncio.create_task(app.wait_for(done, timeout=600)) for _ in range(5)]
            await asyncio.sleep(0.05)
            assert (await app.load(User, "ann", tenant_id="t1")).version == 1
            waiting[0].cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting[0]
            await asyncio.to_thread(publish, published)
            await asyncio.gather(*waiting[1:])

    run(work())


def test_after_closing_every_call_is_refused(database_url: str) -> None:
    async def work() -> None:
        async with application(database_url) as app:
            await app.send(ANN, tenant_id="t1", user_id="me", idempotency_key=uuid4())
        with pytest.raises(ApplicationClosed):
            await app.load(User, "ann", tenant_id="t1")
        with pytest.raises(ApplicationClosed):
            await app.wait_for(1)

    run(work())


def test_a_call_that_ends_an_iteration_does_not_hang(app: Application) -> None:
    async def work() -> None:
        async with application(app.database.url) as asynchronous:
            with pytest.raises(RuntimeError, match="StopIteration"):
                await asynchronous.run(next, iter(()))

    run(work())
