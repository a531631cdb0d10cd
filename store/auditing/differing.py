"""What differs between a stored state and the one that its events give."""

from typing import Any


def differing(stored: Any, replayed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By field, what is stored and what is expected; nothing if they are the same."""
    if not isinstance(stored, dict):
        return {"state": {"stored": stored, "expected": replayed}}
    names = [*replayed, *(name for name in stored if name not in replayed)]
    return {
        name: {"stored": stored.get(name), "expected": replayed.get(name)}
        for name in names
        if name not in stored or name not in replayed or stored[name] != replayed[name]
    }
