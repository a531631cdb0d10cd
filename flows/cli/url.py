"""`acci url`: the database's address."""

import sys
from typing import Annotated

import typer

from acci.flows.cli.printing import JsonFlag, print_json, printable
from acci.store.settings import Settings, hide_password


def url(
    read: Annotated[bool, typer.Option("--read", help="That of the replica, ACCI_READ_URL.")] = False,
    json: JsonFlag = False,
) -> None:
    """Print the database's address, as psql takes it.

    `psql "$(acci url)"` opens it. It is that of ACCI_DATABASE_URL, or of the running embedded PostgreSQL. On a
    terminal its password is hidden.
    """
    from acci.store.database_url import database_url

    settings = Settings.from_environment()
    if read and settings.read_url is None:
        raise typer.BadParameter("there is no replica: ACCI_READ_URL names one.")
    address = str(settings.read_url) if read else database_url(settings)
    shown = hide_password(address) if sys.stdout.isatty() else address
    if json:
        print_json({"url": shown})
    else:
        typer.echo(printable(shown))
