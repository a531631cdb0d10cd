"""Discretion: what Prefect keeps, logs and states and artifacts, is in the clear; personal data stays out of it."""

from dataclasses import dataclass

from acci.domain.errors import AcciError
from acci.store.encryption.payload_encryption import have_personal_fields
from acci.store.projecting.decrypted_events import uses_personal
from acci.store.registry import load
from acci.store.settings import Settings


@dataclass(eq=False, repr=False)
class Unspoken(AcciError):
    """A fault of the program or the database, told without its text."""

    kind: str

    def __str__(self) -> str:
        return f"{self.kind}. What PostgreSQL refused is in its own log."


def may_say() -> bool:
    """Whether the text of any error may be told: no event has personal data."""
    return not have_personal_fields(load(Settings.from_environment().contexts).events.values())


def may_show(projection: str) -> bool:
    """Whether the values of a read model's rows may be shown."""
    return not uses_personal(load(Settings.from_environment().contexts).projection(projection))
