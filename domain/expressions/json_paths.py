"""JSON paths: the value that a payload has under a dotted name, and what stands for none."""

from collections.abc import Sequence
from typing import Any


class Absent:
    """Stands for what a payload does not have, which is not the same as null."""


ABSENT = Absent()


def find(payload: Any, path: Sequence[str]) -> Any:
    """What a parsed payload has at `path`, or ABSENT."""
    for name in path:
        if not isinstance(payload, dict) or name not in payload:
            return ABSENT
        payload = payload[name]
    return payload
