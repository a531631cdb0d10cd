"""For whom a request acts."""

from dataclasses import dataclass

from acci.domain.errors import DefinitionError


@dataclass(frozen=True, slots=True)
class Identity:
    """The tenant whose data a request may see and change, and the user who sends it. Neither may be empty."""

    tenant_id: str
    user_id: str


def required(given: object) -> Identity:
    """What the program's dependency gave. Raises `DefinitionError` unless it names a tenant and a user."""
    if not isinstance(given, Identity):
        raise DefinitionError("The identity of a request", f"give an Identity, not a {type(given).__name__}.")
    texts: tuple[object, ...] = (given.tenant_id, given.user_id)
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise DefinitionError(
                "The identity of a request", "its tenant_id and user_id are texts that are not empty."
            )
    return given
