"""What makes two commands the same one."""

import hashlib
from dataclasses import dataclass

from pydantic_core import to_json

from domain.commands import Command, CommandData
from domain.errors import AcciError
from store.appending import Handled


@dataclass(eq=False, repr=False)
class CommandReused(AcciError):
    """A command's id was seen before with another content; nothing was done."""

    command: str
    id: str

    def __str__(self) -> str:
        return (
            f"{self.command} was not handled: another command with the id {self.id} was handled before. "
            "Send it with an id of its own."
        )


def remembered_as(command: Command[CommandData]) -> Handled:
    """What the store remembers of a command: what it asks for, not who sent it or when it was sent again."""
    name = type(command.data).__name__
    digest = hashlib.sha256(name.encode() + b" " + _canonical(command.data.model_dump()))
    return Handled(command.id, name, digest.digest())


def _canonical(value: object) -> bytes:
    """The same bytes for equal values: neither a dict's nor a set's order counts."""
    if isinstance(value, dict):
        parts = sorted(_canonical(key) + b":" + _canonical(inner) for key, inner in value.items())
        return b"{" + b",".join(parts) + b"}"
    if isinstance(value, set | frozenset):
        return b"(" + b",".join(sorted(map(_canonical, value))) + b")"
    if isinstance(value, list | tuple):
        return b"[" + b",".join(map(_canonical, value)) + b"]"
    return to_json(value, bytes_mode="base64", inf_nan_mode="strings")
