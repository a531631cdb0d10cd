"""Storable: what PostgreSQL cannot hold, found and named before anything is sent."""

from collections.abc import Iterator, Mapping

from acci.domain.errors import AcciError


class Unstorable(AcciError):
    """PostgreSQL cannot hold it: `what` names the event or stream, `where` the field (dotted path)."""

    what: str
    where: str
    reason: str

    sentence = "{what} cannot be stored: {where} {reason}"


def check_text(text: str) -> str | None:
    """Why PostgreSQL cannot hold `text`, or None if it can."""
    if "\0" in text:
        return "holds a NUL character, which PostgreSQL has not in text"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "holds half a surrogate pair, which is no character"
    return None


def unstorable(value: object, where: str = "") -> Iterator[tuple[str, str]]:
    """Each text or key in `value` that PostgreSQL cannot hold: its dotted path, from `where` on, and what is wrong.

    A key has no path of its own: it is named as one in what holds it. Raises `RecursionError` if nested too deeply.
    """
    if isinstance(value, str):
        if problem := check_text(value):
            yield where, problem
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from unstorable(key, f"a key in {where or 'it'}")
            yield from unstorable(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list | tuple | set | frozenset):
        for index, inner in enumerate(value):
            yield from unstorable(inner, f"{where}.{index}" if where else str(index))
