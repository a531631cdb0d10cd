"""How often a call passes from file to file on five ways through the code: `python -m tests.bench.walks [--list NAME]`.

Counted is each call whose callee is in another file than its caller. A file is one of ACCI's, or the driver as a whole:
a call of it counts once, whatever it does or calls back. Other libraries do not count; what they call back counts as
called by their caller.
`--list` prints the calls of one way, in order.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from inspect import CO_GENERATOR
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from uuid import uuid4

from acci.domain.commands import Command, CommandData, CommandMetadata
from acci.domain.users.user import CreateUser, UpdateUser
from acci.domain.users.user_view import UserView
from acci.store.auditing.audit import all_checks, audit
from acci.store.commands.handler import RECENT, CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Database, connect
from acci.store.projecting import batches
from acci.store.rebuilding import build
from tests.bench.activity import UserRows
from tests.bench.ground import CATALOGUE, Ground

HERE = Path(__file__).resolve().parents[2]
DRIVER = "driver"
APART = ("store/compiling/", "domain/", DRIVER)  # for the second figure: what a way through the store calls on


class Pass(NamedTuple):
    """A call from one file to another."""

    caller: str
    callee: str
    function: str

    @property
    def within(self) -> bool:
        """Whether neither end is the compiler, the domain or the driver."""
        return not (self.caller.startswith(APART) or self.callee.startswith(APART))


class Walk:
    """The passes of a way through the code, from `act`, itself not counted, to its return."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.passes: list[Pass] = []
        self._places: dict[str, str | None] = {}
        self._generators: set[FrameType] = set()
        sys.setprofile(self._note)
        try:
            act()
        finally:
            sys.setprofile(None)
        del self.passes[:1]

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call" or (callee := self._place(frame)) is None or frame in self._generators:
            return
        if frame.f_code.co_flags & CO_GENERATOR:
            self._generators.add(frame)  # called once; then it goes on
        callers = [place for above in _frames(frame.f_back) if (place := self._place(above)) is not None]
        if callers and DRIVER not in callers and callers[0] != callee:
            self.passes.append(Pass(callers[0], callee, frame.f_code.co_name))

    def _place(self, frame: FrameType) -> str | None:
        name = frame.f_code.co_filename
        if name not in self._places:
            self._places[name] = _place(name)
        return self._places[name]


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _place(name: str) -> str | None:
    if name.startswith("<"):  # made by the standard library: a dataclass's, a tuple's
        return None
    path = Path(name)
    if {"psycopg", "psycopg_c", "psycopg_binary", "psycopg_pool"}.intersection(path.parts):
        return DRIVER
    # The package is a link to the checkout.
    path = path.resolve()
    if not path.is_relative_to(HERE) or path.is_relative_to(HERE / ".venv" / "lib"):
        return None
    return str(path.relative_to(HERE))


def walks(ground: Ground) -> Iterator[tuple[str, Walk]]:
    """Each way by its name; what is made once, as statements compiled and connections opened, was made before."""
    for name, recent in (("command, cached", RECENT), ("command, loading", 0)):
        with closing(Database(ground.database(), size=1)) as database:
            handler = CommandHandler(EventStore(database, CATALOGUE), CATALOGUE, recent=recent)
            user = str(uuid4())
            handler.handle(_command(CreateUser(user_id=user, email="ann@example.com", name="Ann")))
            yield name, Walk(partial(handler.handle, _command(UpdateUser(user_id=user, name="Anne"))))
    with connect(ground.history(1000), "bench") as connection:
        batches.catch_up(connection, CATALOGUE, UserRows)
        yield "catch-up, one batch", Walk(partial(batches.catch_up, connection, CATALOGUE, UserView))
        rows = partial(audit, connection, CATALOGUE, all_checks(CATALOGUE)["rows"])
        rows(UserRows.name)
        yield "audit of rows", Walk(partial(rows, UserView.name))
        yield "rebuild", Walk(partial(build.rebuild, connection, CATALOGUE, UserView))


def _command(data: CommandData) -> Command[CommandData]:
    metadata = CommandMetadata(
        user_id="admin", correlation_id=str(uuid4()), tenant_id="tenant-1", timestamp=datetime.now(UTC)
    )
    return Command(uuid4(), data, metadata)


def main() -> None:
    """Prints a line a way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list")
    chosen = parser.parse_args().list
    with tempfile.TemporaryDirectory() as folder, Ground(Path(folder)).running() as ground:
        for name, walk in walks(ground):
            within = [each for each in walk.passes if each.within]
            if name == chosen:
                print(*(f"{each.caller} → {each.callee} {each.function}" for each in walk.passes), sep="\n")  # noqa: T201
            print(f"{name:20} {len(walk.passes):4} {len(within):4} without compiler, domain and driver")  # noqa: T201


if __name__ == "__main__":
    main()
