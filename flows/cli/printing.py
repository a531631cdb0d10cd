"""How commands print: tables and sentences for people, JSON for programs."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def print_json(value: object) -> None:
    """Prints `value` as JSON on one line; what JSON does not know (times, ids) as its text."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


def console(*, stderr: bool = False) -> "Console":
    """Where a person reads: tables, progress. Made late, since Rich takes a tenth of a second to import."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def cell(value: object) -> "Text":
    """The value as text, without what a terminal would obey."""
    from rich.text import Text

    text = "" if value is None else str(value)
    return Text("".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text))
