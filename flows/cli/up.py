"""`acci up`: PostgreSQL, Prefect and a worker on this machine, in the foreground, until Ctrl-C."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from shutil import which
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.announcing import announcing
from acci.flows.cli.bounds import PORT
from acci.flows.cli.printing import console
from acci.store.extras import require
from acci.store.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from acci.flows.local.stack import LocalStack

PREFECT_PORT = 4200


class _Stop(BaseException):
    """Ctrl-C, or a signal with the same meaning."""


def up(
    port: Annotated[
        int, typer.Option(min=1, max=PORT, help="Port of the Prefect server and its pages.")
    ] = PREFECT_PORT,
    database_port: Annotated[
        int | None,
        typer.Option(min=1, max=PORT, help="Port of the embedded PostgreSQL; the default or a free one if not given."),
    ] = None,
    sample: Annotated[bool, typer.Option(help="Put a sample history into an empty log.")] = True,
) -> None:
    """Start everything here, until Ctrl-C.

    PostgreSQL, the schema, the Prefect server with its pages, the deployments, a worker, a sample history and a
    first catch-up. Data of an earlier start is kept. If you name a database (ACCI_DATABASE_URL) or a Prefect server
    (PREFECT_API_URL) of your own, it is used and none is started.
    """
    require("flows")
    from acci.flows.local.instance import only_one
    from acci.flows.local.stack import LocalStack, Reporter, UpOptions
    from acci.flows.runtime.project import registered

    settings = Settings.from_environment()
    registered(settings)  # a misspelt context is refused before anything is started
    screen = console() if settings.log_format == "text" else None
    remark = partial(screen.print, markup=False, soft_wrap=True) if screen else announcing(settings)
    steps = _steps(screen) if screen else _logged_steps(remark)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ask_to_stop)
    stack = LocalStack(settings, UpOptions(port, database_port, sample), Reporter(steps, remark))
    with only_one(settings, stack.api_url, stack.ui_url):
        begun = time.monotonic()
        try:
            stack.start()
            seconds = time.monotonic() - begun
            if screen:
                _greet(screen, stack, settings, seconds)
            else:
                remark(_greeting(stack, seconds))
            stack.watch()
        except _Stop:
            if screen:
                screen.print()
        finally:
            # Stopping is bounded in time; a second Ctrl-C must not leave half of it undone.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            stack.stop()


def _ask_to_stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stop


def _steps(screen: "Console") -> Callable[[str], AbstractContextManager[None]]:
    @contextmanager
    def step(what: str) -> Iterator[None]:
        begun = time.monotonic()
        with screen.status(what):
            yield
        screen.print(f"  [green]✓[/] {what} [dim]{time.monotonic() - begun:.1f} s[/]")

    return step


def _logged_steps(say: Callable[[str], None]) -> Callable[[str], AbstractContextManager[None]]:
    @contextmanager
    def step(what: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        say(f"{what}: {time.monotonic() - begun:.1f} s")

    return step


def _greeting(stack: "LocalStack", seconds: float) -> str:
    """For a log, in which there are no passwords."""
    from acci.store.postgres.address import whereabouts

    at = whereabouts(stack.database_url)
    return f"ACCI is up after {seconds:.0f} s. Prefect UI: {stack.ui_url}, database: {at}, logs: {stack.logs}."


def _greet(screen: "Console", stack: "LocalStack", settings: Settings, seconds: float) -> None:
    hints = ["status", "run catch-up", "--help"]
    if "acci.domain.users" in settings.contexts:
        hints = ["status", """query search_users '{"query": "anna"}' --tenant acme""", "run rebuild user_view"]
    screen.print(
        f"\n[bold]ACCI is up[/] after {seconds:.0f} s.\n\n"
        f"  Prefect UI  {stack.ui_url}\n"
        f"{_login(stack)}"
        f"  Database    {_shown(stack.database_url, settings)}\n"
        f"  Logs        {stack.logs}\n\n"
        "Try next, in another terminal:\n\n"
        + "".join(f"  {_program()} {hint}\n" for hint in hints)
        + "\nCtrl-C here stops everything; nothing is lost.",
        soft_wrap=True,
    )


def _program() -> str:
    """How a shell in this folder calls `acci`."""
    if which("acci"):
        return "acci"
    beside = Path(sys.executable).with_name("acci")
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


def _login(stack: "LocalStack") -> str:
    """Where to find the login for the pages of the local Prefect server."""
    file = stack.login_file
    return f"  Its login   the line in {file}, which the page asks for once\n" if file else ""


def _shown(database_url: str, settings: Settings) -> str:
    """The embedded server's URL for psql; for the user's own database without its password."""
    if settings.database_url is None:
        return database_url
    from rich.markup import escape

    from acci.store.postgres.address import whereabouts

    return escape(f"{whereabouts(database_url)} (ACCI_DATABASE_URL)")
