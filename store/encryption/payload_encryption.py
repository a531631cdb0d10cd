"""Concealing: personal fields of payloads, and states folded from them, encrypted with the person's key.

A concealed value stands in the JSON as {"acci.personal": "…"}: base64 of the key's id, a nonce and the ciphertext
(AES-256-GCM), bound to the event or snapshot that it is in. Whose key was destroyed, that value reads ERASED.
"""

import base64
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from pydantic import BaseModel

from acci.domain.aggregates import Aggregate
from acci.domain.errors import AcciError
from acci.domain.events import EventData
from acci.domain.personal import ERASED, personal_fields
from acci.store.encryption.key_store import KeyMissing, KeyUnknown, NoKeyStore, keys

MARK = '"acci.personal"'
_CONCEALED = re.compile(r'\{"acci\.personal": ?"([A-Za-z0-9+/=]+)"\}')
_NAME = re.compile(r'"acci\.personal"\s*:')
_KEY_ID, _NONCE = 16, 12  # bytes


@dataclass(eq=False, repr=False)
class Tampered(AcciError):
    """A concealed value is not what was stored there."""

    key: str

    def __str__(self) -> str:
        return f"A value under the key {self.key} was changed, or moved from another event. Restore it from a backup."


UNREADABLE = (Tampered, KeyUnknown)  # what is wrong with one value, and no other


def is_reserved(text: str) -> bool:
    """Whether JSON has the name that concealed values stand under, which is ACCI's own."""
    return MARK in text and _NAME.search(text) is not None


def conceal(data: type[BaseModel], text: str, tenant_id: str, aggregate_id: str, about: str) -> str:
    """The payload with its personal fields concealed; `about` is what they are bound to. As it is without any."""
    fields = personal_fields(data)
    if not fields:
        return text
    payload = json.loads(text)
    subject = subject_of(data, payload, aggregate_id)
    for name in fields:
        if payload.get(name) is not None:
            payload[name] = _concealed(payload[name], tenant_id, subject, about)
    return json.dumps(payload, ensure_ascii=False)


def subject_of(data: type[BaseModel], payload: dict[str, object], aggregate_id: str) -> str:
    """Whose data it is."""
    named = getattr(data, "subject", None)
    return aggregate_id if named is None else str(payload[named])


def conceal_state(aggregate: type[Aggregate], text: str, tenant_id: str, aggregate_id: str) -> str | None:
    """A snapshot's state, concealed as a whole if personal data may be in it.

    None if the person was just erased: the state may have been folded before, and would come back under a new key.
    """
    if not has_personal(aggregate):
        return text
    concealed = json.dumps(_concealed(json.loads(text), tenant_id, aggregate_id, aggregate_id))
    return None if keys().just_destroyed(tenant_id, aggregate_id) else concealed


def _concealed(value: object, tenant_id: str, subject: str, about: str) -> dict[str, str]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key_id, key = keys().of(tenant_id, subject)
    nonce = os.urandom(_NONCE)
    plain = json.dumps(value).encode()
    sealed = key_id.bytes + nonce + AESGCM(key).encrypt(nonce, plain, about.encode())
    return {"acci.personal": base64.b64encode(sealed).decode()}


def reveal(text: str, about: str) -> str:
    """The JSON with every concealed value readable, or ERASED.

    Raises `UNREADABLE` for what is in it, `KeyMissing` and `NoKeyStore`.
    """
    if MARK not in text:
        return text

    def plain(match: re.Match[str]) -> str:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        parts = _read(match[1])
        if parts is None:
            raise Tampered("(none)")
        key_id, nonce, sealed = parts
        key = keys().find([key_id])[key_id]
        if key is None:
            return json.dumps(ERASED)
        try:
            return AESGCM(key).decrypt(nonce, sealed, about.encode()).decode()
        except InvalidTag:
            raise Tampered(str(key_id)) from None

    return _CONCEALED.sub(plain, text)


def ready(texts: Iterable[str]) -> None:
    """Fetch all the keys that these need at once, rather than one by one; those that can be had."""
    concealed = (match for text in texts if MARK in text for match in _CONCEALED.findall(text))
    wanted = {parts[0] for each in concealed if (parts := _read(each))}
    if wanted:
        with suppress(KeyUnknown, KeyMissing, NoKeyStore):
            keys().find(wanted)


def _read(concealed: str) -> tuple[UUID, bytes, bytes] | None:
    """The key's id, the nonce, the ciphertext; None of what was never concealed."""
    try:
        raw = base64.b64decode(concealed)
    except ValueError:
        raw = b""
    if len(raw) <= _KEY_ID + _NONCE:
        return None
    return UUID(bytes=raw[:_KEY_ID]), raw[_KEY_ID : _KEY_ID + _NONCE], raw[_KEY_ID + _NONCE :]


@cache
def has_personal(aggregate: type[Aggregate]) -> bool:
    """Whether personal data may be in the aggregate's state."""
    return any(map(personal_fields, aggregate.evolving_events()))


def speak_of_people(events: Iterable[type[EventData]]) -> bool:
    """Whether any of these has personal fields."""
    return any(map(personal_fields, events))
