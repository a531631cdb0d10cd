"""Keys of personal data for tests without a database: as the key store's, and gone with the test."""

import os
from collections.abc import Iterable
from uuid import UUID, uuid4

from acci.store.encryption.key_store import KeyMissing


class KeysInMemory:
    """A key for each person, as `acci.store.postgres.keys` wants them."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], UUID] = {}
        self._keys: dict[UUID, bytes | None] = {}
        self._destroyed: set[tuple[str, str]] = set()

    def of(self, tenant_id: str, subject: str) -> tuple[UUID, bytes]:
        """The person's key and its id; made if there is none."""
        key_id = self._ids.setdefault((tenant_id, subject), uuid4())
        key = self._keys.setdefault(key_id, None) or os.urandom(32)
        self._keys[key_id] = key
        return key_id, key

    def find(self, ids: Iterable[UUID]) -> dict[UUID, bytes | None]:
        """The keys of these ids; None for one that was destroyed. Raises `KeyMissing`."""
        wanted = set(ids)
        if unknown := wanted - self._keys.keys():
            raise KeyMissing(str(min(unknown)))
        return {each: self._keys[each] for each in wanted}

    def clear_cache(self) -> None:
        """Nothing is cached."""

    def destroy(self, tenant_id: str, subject: str) -> int:
        """Destroy the person's key; 0 if there was none. Final."""
        key_id = self._ids.pop((tenant_id, subject), None)
        if key_id is None:
            return 0
        self._keys[key_id] = None
        self._destroyed.add((tenant_id, subject))
        return 1

    def just_destroyed(self, tenant_id: str, subject: str) -> bool:
        """Whether a key of the person's was destroyed."""
        return (tenant_id, subject) in self._destroyed
