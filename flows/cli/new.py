"""`acci new`: a project in a new folder; or one more aggregate, read model or reaction in a project."""

from pathlib import Path
from typing import Annotated

import typer

from acci.flows.cli.printing import passage
from acci.flows.scaffold.kinds import Addition


def new(
    name: Annotated[str, typer.Argument(help="The name of the project; with --add, of what is added.")],
    folder: Annotated[
        Path | None, typer.Option(help="The folder to make the project in; one named like the project otherwise.")
    ] = None,
    add: Annotated[
        Addition | None, typer.Option(help="Add this to the project of the working directory, changing no file.")
    ] = None,
    event: Annotated[
        str | None, typer.Option(help="With --add read-model, reaction: the event of its first rule.")
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="With --add: the context, if several have a place for it.")
    ] = None,
) -> None:
    """Make a project, or add to one.

    A small domain with tests, settings, a Makefile, continuous integration and containers: `make up` starts it,
    `make test` tests it. ACCI itself comes along as a wheel, unless it was installed from an index.
    """
    _check(folder, add, event, context)
    if add is None:
        from acci.flows.scaffold.project import new_project

        made = new_project(name, folder)
        shown = made.relative_to(Path.cwd()) if made.is_relative_to(Path.cwd()) else made
        typer.echo(passage(f"Made {shown}. Try next:\n\n  cd {shown}\n  make test\n  make up"))
        return
    from acci.flows.runtime.project import registered
    from acci.flows.scaffold.additions import Place, add_aggregate, add_reaction, add_read_model
    from acci.store.settings import Settings

    settings = Settings.from_environment()
    catalogue, project = registered(settings), settings.project or Path.cwd()
    place = Place.of(project, settings.contexts, catalogue, add, context)
    if add is Addition.AGGREGATE:
        files = add_aggregate(place, catalogue, name)
    elif add is Addition.READ_MODEL:
        files = add_read_model(place, catalogue, name, event)
    else:
        files = add_reaction(place, catalogue, name, event)
    typer.echo(passage("Made " + ", ".join(map(str, files)) + "."))
    if add is Addition.READ_MODEL:
        typer.echo(f"Build it with `acci run rebuild {files[0].stem}`.")
    elif add is Addition.REACTION:
        typer.echo(f"Say in pyproject.toml where its messages go: [tool.acci.topics.{files[0].stem}].")


def _check(folder: Path | None, add: Addition | None, event: str | None, context: str | None) -> None:
    if add is not None and folder is not None:
        raise typer.BadParameter("it is for a new project; --add works in the project of the working directory.")
    if event is not None and add not in (Addition.READ_MODEL, Addition.REACTION):
        raise typer.BadParameter("--event goes with --add read-model and --add reaction.")
    if context is not None and add is None:
        raise typer.BadParameter("--context goes with --add.")
