"""Options and arguments that the commands of reactions share, and what is made of them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from acci.flows.cli.bounds import BIGINT, INTEGER

if TYPE_CHECKING:
    from acci.domain.reactions import Start

Name = Annotated[str, typer.Argument(metavar="REACTION", help="The reaction's name.")]
MaybeName = Annotated[str | None, typer.Argument(metavar="[REACTION]", help="Only this reaction's.")]
Position = Annotated[
    int, typer.Argument(help="The event's position, or that of the event it follows from.", min=1, max=BIGINT)
]
Ordinal = Annotated[
    int | None,
    typer.Option(
        help="Of a delivery: the number behind the slash, from 0. Else the event is meant.", min=0, max=INTEGER
    ),
]
Tenant = Annotated[str | None, typer.Option(help="Only this tenant's.")]


def start(text: str, option: str) -> "Start":
    """What `text` says: head, beginning, a position or a moment. Raises `WrongTimestamp`."""
    if text == "head":
        return "head"
    if text == "beginning":
        return "beginning"
    if text.isascii() and text.isdecimal():
        if len(text) > len(str(BIGINT)) or int(text) > BIGINT:
            raise typer.BadParameter(f"{option} {text:.30} is no position: the last possible one is {BIGINT}.")
        return int(text)
    return moment(text)


def moment(text: str) -> datetime:
    """Raises `WrongTimestamp`."""
    from acci.store.values.timestamps import parse_timestamp

    return parse_timestamp(text)
