"""`--as-of`, by which commands show what was; and its former name, which is answered with it."""

from typing import Annotated

import typer


def _renamed(given: str | None) -> None:
    if given is not None:
        raise typer.BadParameter("This option is now called --as-of.")


AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="With what had happened by then, such as 2026-05-01T12:00:00+02:00.")
]
FormerMoment = Annotated[str | None, typer.Option("--moment", hidden=True, callback=_renamed)]
