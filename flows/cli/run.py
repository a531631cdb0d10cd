"""`acci run`: the flows that the deployments run, here and now."""

import os
from collections.abc import Callable
from typing import Annotated, Any

import typer

from domain.errors import AcciError
from flows.cli import plans
from flows.cli.printing import JsonFlag, console, print_json
from store.settings import Settings

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("catch-up")
def catch_up(
    projection: Annotated[str, typer.Argument(help="A projection's name, or all.")] = "all",
    batch_size: Annotated[int, typer.Option(min=100, max=5_000_000, help="Positions in one transaction.")] = 50_000,
    json: JsonFlag = False,
) -> None:
    """Bring read models to the high-water mark."""

    def load() -> Callable[..., Any]:
        from flows.catch_up import catch_up as flow

        return flow

    _run(load, projection, {"projection": projection, "batch_size": batch_size}, json)


@app.command("rebuild")
def rebuild(
    projection: Annotated[str, typer.Argument(help="A projection's name, several separated by commas, all, or stale.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would happen.")] = False,
    partitions: Annotated[
        int, typer.Option(min=0, max=64, help="Shares of the keys built at the same time; 0: one a core.")
    ] = 0,
    allow_dead_letters: Annotated[
        bool, typer.Option("--allow-dead-letters", help="Publish even if some events could not be applied.")
    ] = False,
    changes_allowed: Annotated[
        int, typer.Option(min=0, max=100, help="Per cent of the live rows that may go or change.")
    ] = 10,
    keep: Annotated[int, typer.Option(min=0, max=100, help="Old generations kept for a rollback.")] = 1,
    json: JsonFlag = False,
) -> None:
    """Build read models anew beside the live ones, check them and swap them in."""
    if dry_run:
        _check(projection)
        plans.show(projection, partitions, json)
        return

    def load() -> Callable[..., Any]:
        from flows.rebuild import rebuild as flow

        return flow

    parameters = {
        "projection": projection,
        "partitions": partitions,
        "allow_dead_letters": allow_dead_letters,
        "changes_allowed": changes_allowed,
        "keep": keep,
    }
    _run(load, projection, parameters, json)


@app.command("rollback")
def rollback(
    projection: Annotated[str, typer.Argument(help="A projection's name.")],
    generation: Annotated[int, typer.Option(min=0, help="The number of the kept generation; 0: the newest.")] = 0,
    as_it_was: Annotated[
        bool, typer.Option("--as-it-was", help="Do not catch it up: for when the rules it was made by are gone.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Put an old generation of a read model back before its readers."""

    def load() -> Callable[..., Any]:
        from flows.rollback import rollback as flow

        return flow

    _run(load, projection, {"projection": projection, "generation": generation, "as_it_was": as_it_was}, json)


def _run(load: Callable[[], Callable[..., Any]], projection: str, parameters: dict[str, Any], json: bool) -> None:
    """Run the flow in this process, seen by the Prefect server if there is one; exit code 1 unless it completed."""
    _check(projection)
    _join_prefect()
    state = load()(**parameters, return_state=True)
    error = state.result(raise_on_failure=False)
    if json:
        print_json({"state": state.name, "completed": state.is_completed(), "message": state.message})
    elif not isinstance(error, AcciError):
        console().print(f"{state.name}: {state.message}", markup=False)
    if isinstance(error, AcciError) and not json:
        raise error
    if not state.is_completed():
        raise typer.Exit(1)


def _check(projection: str) -> None:
    """Refuse at once, with a sentence, what the flow would find out after Prefect's three seconds of start-up."""
    from store.catalogue import load
    from store.database import connect
    from store.embedded import database_url
    from store.migrations import require_migrated

    settings = Settings.from_environment()
    catalogue = load(settings.contexts)
    if projection not in ("all", "stale"):
        for name in projection.split(","):
            catalogue.projection(name.strip())
    with connect(database_url(settings), "probe") as connection:
        require_migrated(connection)


def _join_prefect() -> None:
    """Use the server in PREFECT_API_URL, or that of the running `acci up`; else Prefect starts one for this run."""
    from flows.local.environment import QUIET
    from flows.local.running import prefect_api_url

    settings = Settings.from_environment()
    api_url = prefect_api_url(settings)
    home = settings.home / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    wanted = QUIET | {"PREFECT_HOME": str(home)}
    wanted |= {"PREFECT_API_URL": api_url} if api_url else {"PREFECT_SERVER_EPHEMERAL_ENABLED": "true"}
    # The first start makes the server's tables, which takes longer than the 20 s that Prefect would wait.
    wanted |= {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180"}
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
