"""Redaction: Prefect keeps logs, states and artifacts unencrypted, so personal data stays out of them."""

from acci.domain.errors import AcciError
from acci.flows.runtime.session import catalogue
from acci.store.encryption.payload_encryption import have_personal_fields
from acci.store.projecting.decrypted_events import uses_personal


class RedactedError(AcciError):
    """An error of the program or the database, without its text, which may hold personal data."""

    kind: str

    sentence = "{kind}. What PostgreSQL refused is in its own log."


def may_show_errors() -> bool:
    """Whether the text of any error may be shown: no event has personal data."""
    return not have_personal_fields(catalogue().events.values())


def may_show_rows(projection: str) -> bool:
    """Whether the values of a read model's rows may be shown."""
    return not uses_personal(catalogue().projection(projection))
