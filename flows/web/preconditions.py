"""Entity tags (RFC 9110): the version of an aggregate, in quotes; and what If-Match and If-None-Match ask of it."""

import re

from fastapi import Request

from acci.flows.web.unusable_request import UnusableRequest
from acci.store.log.expected_version import EXISTS, ExpectedVersion

_TAG = re.compile(r'[ \t]*(?:(W/)?"([\x21\x23-\x7e\x80-\xff]*)")?[ \t]*(?:,|$)')
_VERSION = re.compile("0|[1-9][0-9]{0,8}")  # versions are of 32 bits

# As JSON Schema has them.
ONE_TAG = r'(W/)?"[!#-~]*"'
TAGS = {"type": "string", "pattern": rf"^(\*|{ONE_TAG}( ?, ?{ONE_TAG})*)$"}

Expected = tuple[int, ...] | ExpectedVersion | None


def tag_of(version: int) -> str:
    """The entity tag of an aggregate at this version."""
    return f'"{version}"'


def expected(request: Request) -> Expected:
    """What a command may find: one of these versions, `EXISTS`, or None for anything.

    `If-None-Match: *` is version 0, an aggregate that has not begun; with If-Match beside it no version is both. A tag
    that is weak, or no version, matches none.
    Raises `UnusableRequest`.
    """
    match, none_match = _field(request, "if-match"), _field(request, "if-none-match")
    if none_match not in (None, "*"):
        raise UnusableRequest(400, "If-None-Match of a command is an asterisk.")
    if match is None:
        return None if none_match is None else (0,)
    tags = [] if match == "*" else _tags("If-Match", match)
    if none_match is not None:
        return ()
    if match == "*":
        return EXISTS
    return tuple(int(tag) for is_weak, tag in tags if not is_weak and _VERSION.fullmatch(tag))


def is_known(request: Request, version: int) -> bool:
    """Whether If-None-Match says that the client has this version already. Raises `UnusableRequest`."""
    given = _field(request, "if-none-match")
    if given is None:
        return False
    return given == "*" or any(tag == str(version) for _, tag in _tags("If-None-Match", given))


def _field(request: Request, name: str) -> str | None:
    lines = request.headers.getlist(name)
    return ", ".join(lines).strip(" \t") if lines else None


def _tags(name: str, text: str) -> list[tuple[bool, str]]:
    """(whether it is weak, the tag) for each in the list."""
    found, place = list[tuple[bool, str]](), 0
    while place < len(text):
        tag = _TAG.match(text, place)
        if tag is None:
            raise UnusableRequest(400, f'{name} is a list of entity tags such as "3", or an asterisk.')
        if tag[2] is not None:
            found.append((tag[1] is not None, tag[2]))
        place = tag.end()
    if not found:
        raise UnusableRequest(400, f"{name} is empty.")
    return found
