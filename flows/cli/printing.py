"""How commands print: tables and sentences for people, JSON for programs."""

import codecs
import json
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def print_json(value: object) -> None:
    """Prints `value` as JSON on one line; what JSON does not know (times, ids) as its text."""
    typer.echo(as_json(value, sys.stdout))


def as_json(value: object, to: TextIO | None) -> str:
    """`value` as JSON on one line, in characters that the stream `to` can encode."""
    is_utf8 = to is not None and codecs.lookup(to.encoding or "ascii").name == "utf-8"
    return json.dumps(value, ensure_ascii=not is_utf8, default=str)


UNCUT_COLUMNS = 10_000  # columns: output to a file or a pipe is not truncated


def console(*, stderr: bool = False) -> "Console":
    """The console for people: tables, progress. Made at first use, since importing Rich takes a tenth of a second."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = UNCUT_COLUMNS
    return made


def cell(value: object) -> "Text":
    """The value as text, control characters escaped."""
    from rich.text import Text

    return Text("" if value is None else printable(str(value)))


def print_table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Prints the rows as a table for people."""
    from rich.table import Table

    table = Table(*heads)
    for row in rows:
        table.add_row(*map(cell, row))
    console().print(table)


def printable(text: str) -> str:
    """The text with control and invisible characters escaped."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def passage(text: str) -> str:
    """The same for a text of several lines; line breaks stay."""
    return "\n".join(map(printable, text.split("\n")))
