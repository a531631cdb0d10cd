"""How commands print: tables and sentences for people, JSON for programs."""

import json
import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def print_json(value: object) -> None:
    """Prints `value` as JSON on one line; what JSON does not know (times, ids) as its text."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str))


WIDE = 10_000  # columns: what goes into a file or a pipe is not cut


def console(*, stderr: bool = False) -> "Console":
    """Where a person reads: tables, progress. Made late, since Rich takes a tenth of a second to import."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = WIDE
    return made


def cell(value: object) -> "Text":
    """The value as text, without what a terminal would obey."""
    from rich.text import Text

    text = "" if value is None else str(value)
    return Text("".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text))
