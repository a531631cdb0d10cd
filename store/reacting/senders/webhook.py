"""Webhooks: a POST with a CloudEvent, signed as Standard Webhooks says. Redirects are not followed."""

import http.client
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from acci.store.reacting.outgoing import Outgoing
from acci.store.reacting.senders.cloud_event import CONTENT_TYPE, cloud_event
from acci.store.reacting.senders.deadline import Deadline
from acci.store.reacting.senders.http_connection import CheckedConnection
from acci.store.reacting.senders.kept_connections import KeptConnections
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused
from acci.store.reacting.senders.signing import signature

# What the receiver says of this message, and would say again. All else that is no success is tried again: a receiver
# that is being deployed answers 404, one whose secrets change 401.
LASTING = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 417, 422, 428, 431, 451, 501, 505})
LONGEST_WAIT = 86_400.0  # seconds that a receiver may ask for
OURS = frozenset({
    "accept-encoding", "authorization", "connection", "expect", "host", "keep-alive", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent",
})  # fmt: skip
OUR_PREFIXES = ("ce-", "content-", "proxy-", "webhook-")


class Webhook:
    """To `url`; signed with each of `keys`, if there are any. `private`: it may be of a private network."""

    def __init__(
        self, url: str, keys: Sequence[bytes], seconds: float, private: bool, authorization: str | None = None
    ) -> None:
        parts = urlsplit(url)
        self._host, self._is_tls = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._is_tls else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._context = ssl.create_default_context() if self._is_tls else None
        self._keys, self._seconds, self._private, self._authorization = keys, seconds, private, authorization
        self._kept: KeptConnections[CheckedConnection] = KeptConnections(CheckedConnection.close)

    def send(self, message: Outgoing) -> None:
        """Afterwards the receiver has answered that it has it. Raises `DeliveryFailed`, `DeliveryRefused`."""
        body = cloud_event(message)
        answer = self._exchange(self._headers(message, body), body)
        status, said = answer.status, f"{self._host} answered {_spelled(answer.status)}"
        if 200 <= status < 300:
            return
        if status in LASTING:
            raise DeliveryRefused(said)
        if 300 <= status < 400:
            raise DeliveryRefused(f"{said}, and redirects are not followed: let the topic's url be the right one")
        raise DeliveryFailed(said, retry_after(answer.getheader("retry-after"), time.time()))

    def close(self) -> None:
        """End the connections that are kept; it can be used again."""
        self._kept.close()

    def _headers(self, message: Outgoing, body: bytes) -> dict[str, str]:
        identity, timestamp = str(message.id), int(time.time())
        headers = _own(message.content.get("headers", {}))
        headers |= {
            "content-type": CONTENT_TYPE,
            "user-agent": "acci",
            "webhook-id": identity,
            "webhook-timestamp": str(timestamp),
        }
        if self._keys:
            headers["webhook-signature"] = signature(self._keys, identity, timestamp, body)
        if self._authorization is not None:
            headers["authorization"] = self._authorization
        return headers

    def _exchange(self, headers: dict[str, str], body: bytes) -> http.client.HTTPResponse:
        """On a connection that was kept; if the receiver has closed that meanwhile, on a new one."""
        kept, deadline = self._kept.take(), Deadline(self._seconds)
        if kept is not None:
            with suppress(ConnectionError, http.client.HTTPException):
                return self._on(kept, headers, body, deadline)
        new = CheckedConnection(self._host, self._port, self._context, self._private)
        return self._on(new, headers, body, deadline, is_new=True)

    def _on(
        self,
        connection: CheckedConnection,
        headers: dict[str, str],
        body: bytes,
        deadline: Deadline,
        is_new: bool = False,
    ) -> http.client.HTTPResponse:
        try:
            answer = connection.exchange(self._path, headers, body, deadline)
        except BaseException as error:
            connection.close()
            if isinstance(error, ConnectionError | http.client.HTTPException) and not is_new:
                raise
            if isinstance(error, OSError | http.client.HTTPException):
                raise DeliveryFailed(f"{self._host} cannot be reached ({_why(error)})") from None
            raise
        if answer.isclosed() and not answer.will_close:  # read to its end
            self._kept.keep(connection)
        else:
            connection.close()
        return answer


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that the header asks for, a day at most; None if it is missing or says nothing."""
    if not value:
        return None
    if value.strip().isdecimal():
        return min(float(value.strip()[:9]), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.fromtimestamp(now, UTC)).total_seconds(), 0.0), LONGEST_WAIT)


def _own(given: Mapping[str, str]) -> dict[str, str]:
    """The message's own headers. Raises `DeliveryRefused` for one that is HTTP's or a webhook's, or cannot be sent."""
    headers: dict[str, str] = {}
    for name, value in given.items():
        if (lower := name.lower()) in OURS or lower.startswith(OUR_PREFIXES):
            raise DeliveryRefused(f"the message has a header {name}, which a webhook has itself")
        if not all(" " <= character <= "~" or character == "\t" for character in value):
            raise DeliveryRefused(f"the message's header {name} has a character that headers cannot have")
        headers[lower] = value
    return headers


def _spelled(status: int) -> str:
    known = {each.value: each.phrase for each in HTTPStatus}
    return f"{status} {known.get(status, '')}".strip()


def _why(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    return (getattr(error, "strerror", None) if isinstance(error, OSError) else None) or type(error).__name__
