"""What was expected beside what was found, as a failed test shows it."""

from collections.abc import Iterable, Sequence
from difflib import ndiff


def difference(expected: Sequence[str], found: Sequence[str]) -> str:
    """The lines of both, those that differ marked with - and +; each on a line of its own, indented."""
    return "".join(f"\n  {line.rstrip()}" for line in ndiff(expected, found))


def listed(lines: Iterable[str]) -> str:
    """Each on a line of its own, indented; or that there is nothing."""
    return "".join(f"\n  {line}" for line in lines) or " nothing"
