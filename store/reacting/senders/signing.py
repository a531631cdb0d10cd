"""Signatures of webhooks, as the specification Standard Webhooks has them: HMAC-SHA256 of id, moment and body."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a secret


def secret_bytes(secret: str) -> bytes:
    """The key that `whsec_…` stands for. Raises ValueError for another form, or another length than 24 to 64 bytes."""
    if not secret.startswith(PREFIX):
        raise ValueError("it does not begin with whsec_")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("what follows whsec_ is not base64") from None
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"it has {len(key)} bytes, not {SHORTEST} to {LONGEST}")
    return key


def signature(keys: Sequence[bytes], identity: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature: one signature for each key, the first being the newest."""
    signed = f"{identity}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}" for key in keys)
