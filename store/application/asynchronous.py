"""The application for asyncio: the same calls, each in a thread, as many at once as the pool has connections."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, overload

from pydantic import BaseModel

from acci.domain.contexts import Context
from acci.domain.projections import Projection
from acci.domain.queries import OneQuery, Query
from acci.store.application.application import WAIT, Application
from acci.store.application.handled import Handled
from acci.store.application.pool import ApplicationClosed
from acci.store.log.event_store import EventStore
from acci.store.log.reading import EventReader
from acci.store.postgres.address import whereabouts
from acci.store.registry import Catalogue
from acci.store.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=BaseModel)


def _in_thread(
    method: Callable[Concatenate[Application, P], T],
) -> Callable[Concatenate["AsyncApplication", P], Coroutine[Any, Any, T]]:
    @wraps(method)
    async def call(self: "AsyncApplication", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(partial(method, self.application, *args, **kwargs))

    return call


def _answer(answer: asyncio.Future[T], call: Callable[[], T]) -> None:
    """In a thread: call, and have the loop settle the answer; nothing for one that was cancelled meanwhile."""
    if answer.cancelled():
        return
    settle: Callable[[], None]
    try:
        settle = partial(answer.set_result, call())
    except StopIteration as error:  # which no future takes: what awaits it would wait for ever
        ended = RuntimeError("What was called in a thread has ended by StopIteration.")
        ended.__cause__ = error
        settle = partial(answer.set_exception, ended)
    except BaseException as error:  # noqa: BLE001 raised where it is awaited
        settle = partial(answer.set_exception, error)
    answer.get_loop().call_soon_threadsafe(_settle, answer, settle)


def _settle(answer: asyncio.Future[T], settle: Callable[[], None]) -> None:
    if not answer.done():
        settle()


class AsyncApplication:
    """`Application` for asyncio: the same methods, awaited, with the same arguments, answers and errors.

    Each call runs in a thread with the caller's context, so that `acting_as` holds; as many at once as the pool has
    connections, the others wait in order of arrival, and the event loop goes on. A call that is cancelled while it
    waits does nothing; one that runs already is not stopped, and what it stores stays: send it again with the same
    `idempotency_key`. Close it, or use it in an `async with`.
    """

    def __init__(
        self,
        database: str | None = None,
        contexts: Iterable[str | Context] | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        self._hold(Application(database, contexts, settings=settings))

    @classmethod
    def around(cls, application: Application) -> Self:
        """The same application, for asyncio: its pool is shared, and closing one closes the other."""
        found = cls.__new__(cls)
        found._hold(application)  # noqa: SLF001 its own
        return found

    def _hold(self, application: Application) -> None:
        self.application = application
        self._threads = ThreadPoolExecutor(application.database.size, "acci")

    @property
    def catalogue(self) -> Catalogue:
        return self.application.catalogue

    @property
    def events(self) -> EventStore:
        """The log, whose methods block: call them by `run`."""
        return self.application.events

    async def run(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What `call` returns, in one of the application's threads: `await app.run(app.events.version, stream)`."""
        # Cheaper by a fifth than `run_in_executor`, which keeps a second future in step with the executor's own.
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._threads.submit(_answer, answer, partial(copy_context().run, call, *args, **kwargs))
        except RuntimeError as error:  # its threads have ended
            raise ApplicationClosed(whereabouts(self.application.database.url)) from error
        return await answer

    send = _in_thread(Application.send)
    send_together = _in_thread(Application.send_together)
    load = _in_thread(Application.load)
    history = _in_thread(Application.history)
    replica = _in_thread(Application.replica)
    as_of = _in_thread(Application.as_of)
    status = _in_thread(Application.status)

    @overload
    async def query(self, query: Query[R], *, tenant_id: str | None = None) -> list[R]: ...
    @overload
    async def query(self, query: OneQuery[R], *, tenant_id: str | None = None) -> R | None: ...
    async def query(self, query: Any, *, tenant_id: str | None = None) -> Any:
        """As `Application.query`."""
        return await self.run(partial(self.application.query, query, tenant_id=tenant_id))

    async def read(self, work: Callable[[EventReader], T]) -> T:
        """As `Application.read`."""
        return await self.run(self.application.read, work)

    async def wait_for(
        self,
        position: int | Handled,
        projections: Iterable[type[Projection] | str] | None = None,
        timeout: float = WAIT,
    ) -> None:
        """As `Application.wait_for`; between two looks it has no thread."""
        looks = self.application.looking(position, projections, timeout)
        while (pause := await self.run(next, looks, None)) is not None:
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Wait for the calls that were made, and end every connection. Calls afterwards raise `ApplicationClosed`."""
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self.application.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
