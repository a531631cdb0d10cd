"""What a call of an application costs in processor time, and what asyncio adds to it.

`measure(database_url, turns)` returns microseconds of this process's processor time a call, in turns. The promise is on
what asyncio adds to a call of twenty at once, as a web server makes them: at most 60 µs. One by one, each call waits
for two changes of thread.
"""

import asyncio
import time
from uuid import uuid4

from acci import Application, AsyncApplication, acting_as
from acci.domain.users.user import CreateUser, User
from acci.store.application.sending import as_command
from acci.store.commands.handler import CommandHandler
from tests.bench.rows import Row

CALLS, AT_ONCE = 500, 20
CONTEXTS = ["acci.domain.users"]


def measure(database_url: str, turns: int) -> list[Row]:
    """The best turn of each way: what else the machine does only adds."""
    with acting_as(tenant_id="t", user_id="me"):
        return asyncio.run(_measure(database_url, turns))


async def _measure(database_url: str, turns: int) -> list[Row]:
    taken: dict[str, list[float]] = {}
    with Application(database_url, CONTEXTS) as app:
        async with AsyncApplication(database_url, CONTEXTS) as asynchronous:
            handler = CommandHandler(app.events, app.catalogue)
            for _ in range(turns + 1):  # the first connects and warms up
                for name, seconds in {
                    "a command, handler": _handled(handler),
                    "a command, application": _sent(app),
                    "a command, asyncio": await _awaited(asynchronous, 1),
                    f"a command, {AT_ONCE} at once": await _awaited(asynchronous, AT_ONCE),
                    "a load, application": _loaded(app),
                    "a load, asyncio": await _loads_awaited(asynchronous, 1),
                    f"a load, {AT_ONCE} at once": await _loads_awaited(asynchronous, AT_ONCE),
                }.items():
                    taken.setdefault(name, []).append(seconds / CALLS * 1e6)
    best = {name: min(each[1:]) for name, each in taken.items()}
    rows = [Row(f"{name}, processor time", found, "µs") for name, found in best.items()]
    rows.append(
        Row("what an application adds to a command", best["a command, application"] - best["a command, handler"], "µs")
    )
    for call in ("a command", "a load"):
        plain, alone, many = (best[f"{call}, {way}"] for way in ("application", "asyncio", f"{AT_ONCE} at once"))
        rows.append(Row(f"{call} by asyncio, one by one", alone, "µs", alone / plain))
        rows.append(Row(f"{call} by asyncio, {AT_ONCE} at once", many, "µs", many / plain))
        rows.append(Row(f"what asyncio adds to {call}", many - plain, "µs", None, "≤ 60"))
    return rows


def _commands() -> list[CreateUser]:
    """Each for a user of its own, since commands to one would queue."""
    return [CreateUser(user_id=str(uuid4()), email="ann@example.com", name="Ann") for _ in range(CALLS)]


def _handled(handler: CommandHandler) -> float:
    commands, began = _commands(), time.process_time()
    for each in commands:
        handler.handle(as_command(each, None, None, None, None, None))
    return time.process_time() - began


def _sent(app: Application) -> float:
    commands, began = _commands(), time.process_time()
    for each in commands:
        app.send(each)
    return time.process_time() - began


async def _awaited(app: AsyncApplication, at_once: int) -> float:
    commands, began = _commands(), time.process_time()
    for start in range(0, CALLS, at_once):
        await asyncio.gather(*(app.send(each) for each in commands[start : start + at_once]))
    return time.process_time() - began


def _loaded(app: Application) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        app.load(User, "nobody")
    return time.process_time() - began


async def _loads_awaited(app: AsyncApplication, at_once: int) -> float:
    began = time.process_time()
    for _ in range(0, CALLS, at_once):
        await asyncio.gather(*(app.load(User, "nobody") for _ in range(at_once)))
    return time.process_time() - began
