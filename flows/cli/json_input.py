"""JSON input: as an argument, or on standard input."""

import json
import sys
from typing import Any

import typer

MAX_INPUT_BYTES = 10_000_000  # characters
KEY = """Only this key, a JSON list of texts: --key '["t1", "ann"]'; repeatable."""


def read_object(argument: str) -> dict[str, Any]:
    """The JSON object in `argument`, or on standard input if that is `-`. Raises `NotJson`."""
    from acci.store.values.strict_json import parse_object

    return parse_object(_standard_input() if argument == "-" else argument)


def read_key(text: str) -> list[str]:
    """A read model's key, from a JSON list with a text for each of its columns."""
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise typer.BadParameter(f'--key {text} is not a JSON list of texts, such as ["acme", "user-1"].')
    return parts


def with_tenant(data: dict[str, Any], tenant: str | None) -> dict[str, Any]:
    """`data` with the option's tenant, which must not contradict its own."""
    if tenant is None:
        return data
    if data.get("tenant_id", tenant) != tenant:
        raise typer.BadParameter("--tenant and the data's tenant_id differ; give one of them.")
    return {**data, "tenant_id": tenant}


def _standard_input() -> str:
    from acci.store.values.strict_json import NotJson, decoded

    if sys.stdin is None:
        raise NotJson("standard input is closed")
    try:
        raw = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    except OSError as error:  # it is a directory, or open for writing only
        raise NotJson(f"standard input cannot be read ({error.strerror})") from error
    if len(raw) > MAX_INPUT_BYTES:
        raise NotJson(f"it is longer than {MAX_INPUT_BYTES:,} bytes")
    return decoded(raw)
