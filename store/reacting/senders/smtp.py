"""Mail by SMTP: encrypted and verified, within its time, all of a mail's recipients or none."""

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from urllib.parse import urlsplit

from acci.store.reacting.outgoing import Outgoing
from acci.store.reacting.senders.deadline import Deadline
from acci.store.reacting.senders.kept_connections import KeptConnections
from acci.store.reacting.senders.mail import mail_of
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused
from acci.store.reacting.senders.smtp_connection import TimedSmtp


class Mailer:
    """To the server at `url`: smtps:// is TLS from the start, smtp:// begins it, unless `plain`."""

    def __init__(
        self, url: str, login: tuple[str, str] | None, sender: str | None, seconds: float, plain: bool
    ) -> None:
        parts = urlsplit(url)
        self._host, self._is_tls = parts.hostname or "", parts.scheme == "smtps"
        self._port = parts.port or (465 if self._is_tls else 587)
        self._login, self._sender, self._seconds, self._plain = login, sender, seconds, plain
        self._context = ssl.create_default_context()
        self._kept: KeptConnections[TimedSmtp] = KeptConnections(_end)

    def send(self, message: Outgoing) -> None:
        """Afterwards the server has taken it for every recipient. Raises `DeliveryFailed`, `DeliveryRefused`."""
        sender, recipients, mail = mail_of(message, self._sender)
        connection = self._usable(Deadline(self._seconds))
        try:
            self._deliver(connection, sender, recipients, mail)
        except (OSError, smtplib.SMTPException) as error:
            _end(connection)
            raise self._failure(error) from None
        except BaseException:
            _end(connection)
            raise
        self._kept.keep(connection)

    def close(self) -> None:
        """End the connections that are kept; it can be used again."""
        self._kept.close()

    def _usable(self, deadline: Deadline) -> TimedSmtp:
        """One that was kept, if the server still has it; else a new one."""
        kept = self._kept.take()
        if kept is not None:
            kept.deadline.at = deadline.at
            with suppress(OSError, smtplib.SMTPException):
                if kept.noop()[0] == 250:
                    return kept
            _end(kept)
        try:
            return self._connected(deadline)
        except (OSError, smtplib.SMTPException) as error:
            raise self._failure(error) from None

    def _connected(self, deadline: Deadline) -> TimedSmtp:
        connection = TimedSmtp(self._host, self._port, self._context if self._is_tls else None, deadline)
        try:
            connection.ehlo_or_helo_if_needed()
            if not self._is_tls and not self._plain:
                connection.begin_tls(self._context)
            if self._login is not None:
                connection.login(*self._login)
        except BaseException:
            _end(connection)
            raise
        return connection

    def _deliver(self, connection: smtplib.SMTP, sender: str, recipients: list[str], mail: EmailMessage) -> None:
        """Recipients one by one, and the text only if all are taken: sent again, nobody gets it twice for another."""
        connection.ehlo_or_helo_if_needed()
        ascii_only = all(each.isascii() for each in (sender, *recipients))
        if not ascii_only and not connection.has_extn("smtputf8"):
            raise DeliveryRefused("an address has letters that the mail server cannot take")
        policy = SMTP if ascii_only else SMTPUTF8
        _require(connection.mail(sender, [] if ascii_only else ["SMTPUTF8", "BODY=8BITMIME"]))
        for recipient in recipients:
            _require(connection.rcpt(recipient))
        _require(connection.data(mail.as_bytes(policy=policy)))

    def _failure(self, error: OSError | smtplib.SMTPException) -> DeliveryFailed | DeliveryRefused:
        """Without what the server says: it may repeat an address."""
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return DeliveryRefused(f"{self._host} has no TLS or no login; allow-plain does without TLS")
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return DeliveryFailed(f"{self._host} refused the login ({error.smtp_code})")
        if isinstance(error, smtplib.SMTPConnectError | smtplib.SMTPHeloError):
            return DeliveryFailed(f"{self._host} does not take mail now ({error.smtp_code})")
        if isinstance(error, smtplib.SMTPResponseException):
            said = f"{self._host} answered {error.smtp_code}"
            return DeliveryRefused(said) if 500 <= error.smtp_code < 600 else DeliveryFailed(said)
        if isinstance(error, ssl.SSLCertVerificationError):
            return DeliveryFailed(f"the certificate of {self._host} is not accepted: {error.verify_message}")
        # smtplib lets a connection that hangs look like one that was closed.
        is_late = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
        why = "it took too long" if is_late else type(error).__name__
        return DeliveryFailed(f"{self._host} cannot be reached ({why})")


def _require(answer: tuple[int, bytes]) -> None:
    code, said = answer
    if not 200 <= code < 300:
        raise smtplib.SMTPResponseException(code, said)


def _end(connection: smtplib.SMTP) -> None:
    with suppress(OSError, smtplib.SMTPException):
        connection.close()
