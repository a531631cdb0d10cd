"""Passwords in addresses: found, and hidden."""

import re
from urllib.parse import unquote

HIDDEN = "***"
# Up to the last @: one that was not encoded belongs to the password.
IN_FRONT = re.compile(r"(?<=://)([^:@]*):(.*)@", re.DOTALL)
NAMED = re.compile(r"\b((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]*)", re.IGNORECASE)


def has_password(address: str) -> bool:
    """Whether it holds one: `scheme://user:password@host`, or `password=…` among its parameters."""
    return any(pattern.search(text) for pattern in (IN_FRONT, NAMED) for text in (address, unquote(address)))


def hide_password(address: str) -> str:
    """The address with `***` for each password in it."""
    if not has_password(address):
        return address
    shown = NAMED.sub(rf"\g<1>{HIDDEN}", IN_FRONT.sub(rf"\g<1>:{HIDDEN}@", address))
    return shown if shown != address else HIDDEN
