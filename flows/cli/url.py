"""`acci url`: the database's address."""

import sys

import typer

from acci.flows.cli.printing import JsonFlag, print_json, printable
from acci.store.settings import Settings, hide_password


def url(json: JsonFlag = False) -> None:
    """Print the database's address, as psql takes it.

    `psql "$(acci url)"` opens it. It is that of ACCI_DATABASE_URL, or of the running embedded PostgreSQL. On a
    terminal its password is hidden.
    """
    from acci.store.database_url import database_url

    address = database_url(Settings.from_environment())
    shown = hide_password(address) if sys.stdout.isatty() else address
    if json:
        print_json({"url": shown})
    else:
        typer.echo(printable(shown))
