"""Certificates of a test's own: an authority, and what it issues."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Authority:
    """An authority that issues certificates of servers; its own is in `certificate`, for clients that trust it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), _named(name)
        may_issue = x509.BasicConstraints(ca=True, path_length=0)
        made = self._builder(self._name, self._key).add_extension(may_issue, critical=True)
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(_text(made.sign(self._key, hashes.SHA256())))

    def issue(self, host: str) -> tuple[bytes, bytes]:
        """A server's certificate for this host name, and its private key."""
        key = ec.generate_private_key(ec.SECP256R1())
        for_host = x509.SubjectAlternativeName([x509.DNSName(host)])
        made = self._builder(_named(host), key).add_extension(for_host, critical=False).sign(self._key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return _text(made), private

    def serving(self, host: str) -> ssl.SSLContext:
        """What a server in Python shows such a certificate with."""
        file = self.certificate.with_name(f"{host}.pem")
        file.write_bytes(b"".join(self.issue(host)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _text(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
