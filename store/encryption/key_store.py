"""The key store: a key for each person, in a database of its own, apart from the log."""

import base64
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TypeVar
from uuid import UUID, uuid4

from psycopg import errors

from acci.domain.errors import AcciError
from acci.store.extras import needs
from acci.store.postgres.database import NO_LIMITS, Connection, Database, connect
from acci.store.postgres.statements import sql
from acci.store.settings import Limits

K = TypeVar("K")
V = TypeVar("V")

HELD_SECONDS = 1.0  # how long a key is kept in memory, and may still be used after it was destroyed


class NoKeyStore(AcciError):
    """Personal data is to be stored or read, and there is no key store."""

    sentence = (
        "Personal data needs a place for its keys, apart from the log: set ACCI_KEYS_URL to a database that is not "
        "backed up with it. A program of your own hands `key_store(settings)` to `Database` or `connect` as `keys`."
    )


class KeyMissing(AcciError):
    """The key store does not know a key, not even as one that was destroyed."""

    key: str

    sentence = (
        "The key {key} is not in the key store: it is the store of another log, or an older one. Set "
        "ACCI_KEYS_URL to the right one; nothing is taken for erased that was not."
    )


class KeyUnknown(AcciError):
    """The key store, which knows keys of other values in the log, does not know this one."""

    key: str

    sentence = (
        "The key {key} is not in the key store, which has others: its value is forged, or the store older "
        "than the log. Bring the store up to date, or discard the event."
    )


class WrongMasterKey(AcciError):
    """The keys are wrapped, and ACCI_MASTER_KEY does not unwrap them."""

    reason: str

    sentence = "The keys cannot be used: {reason}. Set ACCI_MASTER_KEY to this store's 32 bytes, in base64."


class KeyStore:
    """The keys in the database at `url`, wrapped with `master_key`. Safe to share between threads.

    Opens at first use. A `url` that may change is asked for each time; `create` makes the database there.
    """

    def __init__(
        self,
        url: str | Callable[[], str],
        master_key: str = "",
        create: Callable[[], object] | None = None,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self._url, self._create, self._limits = url, create, limits
        self._database: Database | None = None
        self._master_key = master_key
        self._held: OrderedDict[UUID, tuple[float, bytes | None]] = OrderedDict()
        self._mine: OrderedDict[tuple[str, str], tuple[float, UUID]] = OrderedDict()
        self._lock = threading.Lock()
        self._is_of_the_log = False  # set when the first key is found

    def of(self, tenant_id: str, subject: str) -> tuple[UUID, bytes]:
        """The person's key and its id; made if there is none."""
        who = {"tenant_id": tenant_id, "subject": subject}
        now = time.monotonic()
        held = self._mine.get((tenant_id, subject))
        if held is not None and held[0] > now:
            key = self.find([held[1]])[held[1]]
            if key is not None:
                return held[1], key
        with self._opened() as connection:
            row = connection.execute(sql("encryption/keys:of_subject"), who).fetchone()
            if row is None:
                new = os.urandom(32)
                connection.execute(sql("encryption/keys:add"), who | {"id": uuid4(), "key": self._wrapped(new)})
                row = connection.execute(sql("encryption/keys:of_subject"), who).fetchone()
        if row is None:  # erased between the two
            return self.of(tenant_id, subject)
        key = self._unwrapped(row[1])
        self._hold(self._mine, {(tenant_id, subject): row[0]}, now)
        self._hold(self._held, {row[0]: key}, now)
        return row[0], key

    def find(self, ids: Iterable[UUID]) -> dict[UUID, bytes | None]:
        """The keys of these ids; None for one that was destroyed.

        Raises `KeyUnknown` for one that is not there, but `KeyMissing` if none that was asked for ever was: then it may
        be the wrong store.
        """
        now, wanted = time.monotonic(), set(ids)
        with self._lock:
            found = {each: self._held[each][1] for each in wanted if each in self._held and self._held[each][0] > now}
        missing = wanted - found.keys()
        if missing:
            with self._opened() as connection:
                rows = connection.execute(sql("encryption/keys:find"), {"ids": list(missing)}).fetchall()
            new = {each: None if key is None else self._unwrapped(key) for each, key in rows}
            self._hold(self._held, new, now)
            self._is_of_the_log |= bool(new)
            if unknown := missing - new.keys():
                raise (KeyUnknown if self._is_of_the_log else KeyMissing)(str(min(unknown)))
            found |= new
        return found

    def check(self) -> bool:
        """Whether there is a key, which can be used. Makes nothing. Raises `WrongMasterKey`, what `connect` raises."""
        url, _ = self._url if isinstance(self._url, str) else self._url(), self._master
        with connect(url, "keys", shared=True) as connection:
            try:
                row = connection.execute(sql("encryption/keys:any")).fetchone()
            except errors.UndefinedTable:
                return False
        return row is not None and bool(self._unwrapped(row[0]))

    def clear_cache(self) -> None:
        """Clear the cache: every key is fetched again, so a key destroyed meanwhile is no longer used."""
        with self._lock:
            self._held.clear()
            self._mine.clear()

    def destroy(self, tenant_id: str, subject: str) -> int:
        """Destroy the person's key; returns how many were destroyed. Cannot be undone."""
        with self._opened() as connection:
            done = connection.execute(
                sql("encryption/keys:destroy"), {"tenant_id": tenant_id, "subject": subject}
            ).rowcount
        self.clear_cache()
        return done

    def just_destroyed(self, tenant_id: str, subject: str) -> bool:
        """Whether a key of the person's was destroyed within the last hour."""
        with self._opened() as connection:
            who = {"tenant_id": tenant_id, "subject": subject}
            return connection.execute(sql("encryption/keys:just_destroyed"), who).fetchone() is not None

    def erased(self) -> list[tuple[str, str]]:
        """(tenant, person) of every destroyed key."""
        with self._opened() as connection:
            return [(row[0], row[1]) for row in connection.execute(sql("encryption/keys:erased"))]

    def _hold(self, held: OrderedDict[K, tuple[float, V]], new: Mapping[K, V], now: float) -> None:
        """Cache keys fetched at `now`; drop those that have expired."""
        with self._lock:
            for each, value in new.items():
                held[each] = (now + HELD_SECONDS, value)
                held.move_to_end(each)
            while held and next(iter(held.values()))[0] <= now:
                held.popitem(last=False)

    def close(self) -> None:
        """End every connection. The store can be used again afterwards."""
        if self._database is not None:
            self._database.close()

    def _opened(self) -> AbstractContextManager[Connection]:
        url = self._url if isinstance(self._url, str) else self._url()
        if self._database is None or self._database.url != url:
            if self._create is not None:
                self._create()
            database = Database(url, 2, limits=self._limits)
            with database.connection() as connection, connection.transaction():
                for name in (
                    "encryption/keys:lock",
                    "encryption/keys:create_schema",
                    "encryption/keys:create_table",
                    "encryption/keys:create_index",
                ):
                    connection.execute(sql(name))
            self._database = database
        return self._database.connection()

    @cached_property
    def _master(self) -> bytes | None:
        return _master(self._master_key)

    def _wrapped(self, key: bytes) -> bytes:
        with needs("encryption"):
            from cryptography.hazmat.primitives.keywrap import aes_key_wrap

        return key if self._master is None else aes_key_wrap(self._master, key)

    def _unwrapped(self, stored: bytes) -> bytes:
        with needs("encryption"):
            from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

        if len(stored) == 32:
            return stored
        if self._master is None:
            raise WrongMasterKey("they are wrapped, and ACCI_MASTER_KEY is not set")
        try:
            return aes_key_unwrap(self._master, stored)
        except InvalidUnwrap:
            raise WrongMasterKey("ACCI_MASTER_KEY is not the one they were wrapped with") from None


def _master(text: str) -> bytes | None:
    if not text:
        return None
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise WrongMasterKey("ACCI_MASTER_KEY is not 32 bytes in base64")
    return key
