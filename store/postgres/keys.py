"""The keys of personal data, as a connection to the log carries them for all that reads or stores payloads with it."""

from collections.abc import Iterable
from typing import Protocol
from uuid import UUID


class Keys(Protocol):
    """A key for each person. `acci.store.encryption` has the store, and says what each method does."""

    def of(self, tenant_id: str, subject: str) -> tuple[UUID, bytes]: ...

    def find(self, ids: Iterable[UUID]) -> dict[UUID, bytes | None]: ...

    def clear_cache(self) -> None: ...

    def destroy(self, tenant_id: str, subject: str) -> int: ...

    def just_destroyed(self, tenant_id: str, subject: str) -> bool: ...
