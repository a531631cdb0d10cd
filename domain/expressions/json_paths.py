"""JSON paths: the value at a path in a payload, and ABSENT for none."""

from collections.abc import Sequence
from typing import Any


class Absent:
    """The value at a path that a payload does not have; not the same as null."""


ABSENT = Absent()


def find(payload: Any, path: Sequence[str]) -> Any:
    """The value at `path` in a parsed payload, or ABSENT."""
    for name in path:
        if not isinstance(payload, dict) or name not in payload:
            return ABSENT
        payload = payload[name]
    return payload
