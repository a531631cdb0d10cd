"""What blocks, in threads of the application; and what an endpoint raises, as a problem."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial, wraps
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import HTTPException, Response

from acci.flows.web import problems
from acci.store.application.application import Application
from acci.store.application.asynchronous import AsyncApplication

T = TypeVar("T")


class Runner:
    """An application, of either kind, for endpoints: `run` calls what blocks, as many at once as it has connections."""

    def __init__(self, application: Application | AsyncApplication) -> None:
        self._asynchronous = application if isinstance(application, AsyncApplication) else None
        self.application = application.application if isinstance(application, AsyncApplication) else application
        self._limiter: CapacityLimiter | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` returns."""
        if self._asynchronous is not None:
            return await self._asynchronous.run(call)
        if self._limiter is None:
            self._limiter = CapacityLimiter(self.application.database.size)
        return await run_sync(call, limiter=self._limiter)

    async def wait_for(self, position: int, projections: Iterable[str], timeout: float) -> None:
        """As `Application.wait_for`; between two looks it has no thread."""
        looks = self.application.looking(position, projections, timeout)
        while (pause := await self.run(partial(next, looks, None))) is not None:
            await anyio.sleep(pause)


def answered(endpoint: Callable[..., Awaitable[Response]]) -> Callable[..., Coroutine[Any, Any, Response]]:
    """The endpoint; whatever it raises is answered as a problem."""

    @wraps(endpoint)
    async def answer(*args: Any, **kwargs: Any) -> Response:
        try:
            return await endpoint(*args, **kwargs)
        except HTTPException:
            raise
        except Exception as error:  # noqa: BLE001 no client sees a traceback
            return problems.answer(error)

    return answer
