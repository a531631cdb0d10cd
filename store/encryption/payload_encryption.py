"""Payload encryption: personal fields of payloads, and states folded from them, encrypted with the person's key.

An encrypted value stands in the JSON as {"acci.personal": "…"}: base64 of the key's id, a nonce and the ciphertext
(AES-256-GCM), bound to the event or snapshot that it is in. If that key was destroyed, the value reads ERASED.
"""

import base64
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel

from acci.domain.aggregates import Aggregate
from acci.domain.errors import AcciError
from acci.domain.events import EventData
from acci.domain.personal import ERASED, personal_fields
from acci.store.encryption.key_store import KeyMissing, KeyUnknown, NoKeyStore
from acci.store.extras import needs
from acci.store.postgres.keys import Keys

K = TypeVar("K", bound=Keys)

MARK = '"acci.personal"'
_ENCRYPTED = re.compile(r'\{"acci\.personal": ?"([A-Za-z0-9+/=]+)"\}')
_NAME = re.compile(r'"acci\.personal"\s*:')
_KEY_ID, _NONCE = 16, 12  # bytes


class Tampered(AcciError):
    """An encrypted value is not what was stored there."""

    key: str

    sentence = "A value under the key {key} was changed, or moved from another event. Restore it from a backup."


UNREADABLE = (Tampered, KeyUnknown)  # errors that concern one value only


def required(keys: K | None) -> K:
    """Raises `NoKeyStore` without any."""
    if keys is None:
        raise NoKeyStore
    return keys


def is_reserved(text: str) -> bool:
    """Whether JSON has the name that encrypted values stand under, which is ACCI's own."""
    return MARK in text and _NAME.search(text) is not None


def encrypt(data: type[BaseModel], text: str, tenant_id: str, aggregate_id: str, about: str, keys: Keys | None) -> str:
    """The payload with its personal fields, if any, encrypted and bound to `about`."""
    fields = personal_fields(data)
    if not fields:
        return text
    payload = json.loads(text)
    subject = subject_of(data, payload, aggregate_id)
    for name in fields:
        if payload.get(name) is not None:
            payload[name] = encrypt_value(payload[name], tenant_id, subject, about, keys)
    return json.dumps(payload, ensure_ascii=False)


def subject_of(data: type[BaseModel], payload: dict[str, object], aggregate_id: str) -> str:
    """Whose data it is."""
    named = getattr(data, "subject", None)
    return aggregate_id if named is None else str(payload[named])


def encrypt_state(
    aggregate: type[Aggregate], text: str, tenant_id: str, aggregate_id: str, keys: Keys | None
) -> str | None:
    """A snapshot's state, encrypted as a whole if personal data may be in it.

    None if the person was just erased: the state may have been folded before that, and would be stored under a new key.
    """
    if not has_personal(aggregate):
        return text
    encrypted = json.dumps(encrypt_value(json.loads(text), tenant_id, aggregate_id, aggregate_id, keys))
    return None if required(keys).just_destroyed(tenant_id, aggregate_id) else encrypted


def encrypt_value(value: object, tenant_id: str, subject: str, about: str, keys: Keys | None) -> dict[str, str]:
    """The value as it stands in JSON, encrypted with the person's key and bound to `about`."""
    with needs("encryption"):
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key_id, key = required(keys).of(tenant_id, subject)
    nonce = os.urandom(_NONCE)
    plain = json.dumps(value).encode()
    sealed = key_id.bytes + nonce + AESGCM(key).encrypt(nonce, plain, about.encode())
    return {"acci.personal": base64.b64encode(sealed).decode()}


def decrypt(text: str, about: str, keys: Keys | None) -> str:
    """The JSON with every encrypted value readable, or ERASED.

    Raises `UNREADABLE` for what is in it, `KeyMissing` and `NoKeyStore`.
    """
    if MARK not in text:
        return text
    with needs("encryption"):
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    def plain(match: re.Match[str]) -> str:
        parts = _read(match[1])
        if parts is None:
            raise Tampered("(none)")
        key_id, nonce, sealed = parts
        key = required(keys).find([key_id])[key_id]
        if key is None:
            return json.dumps(ERASED)
        try:
            return AESGCM(key).decrypt(nonce, sealed, about.encode()).decode()
        except InvalidTag:
            raise Tampered(str(key_id)) from None

    return _ENCRYPTED.sub(plain, text)


def prefetch_keys(texts: Iterable[str], keys: Keys | None) -> None:
    """Fetch all the keys that these need in one query; those that are available."""
    found = (match for text in texts if MARK in text for match in _ENCRYPTED.findall(text))
    wanted = {parts[0] for each in found if (parts := _read(each))}
    if wanted:
        with suppress(KeyUnknown, KeyMissing, NoKeyStore):
            required(keys).find(wanted)


def _read(encrypted: str) -> tuple[UUID, bytes, bytes] | None:
    """The key's id, the nonce, the ciphertext; None if it is not one that was encrypted here."""
    try:
        raw = base64.b64decode(encrypted)
    except ValueError:
        raw = b""
    if len(raw) <= _KEY_ID + _NONCE:
        return None
    return UUID(bytes=raw[:_KEY_ID]), raw[_KEY_ID : _KEY_ID + _NONCE], raw[_KEY_ID + _NONCE :]


@cache
def has_personal(aggregate: type[Aggregate]) -> bool:
    """Whether personal data may be in the aggregate's state."""
    return any(map(personal_fields, aggregate.evolving_events()))


def have_personal_fields(events: Iterable[type[EventData]]) -> bool:
    """Whether any of these has personal fields."""
    return any(map(personal_fields, events))
