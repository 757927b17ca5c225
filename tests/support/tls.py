"""A certificate authority for tests, and the certificates of servers that it signs."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

NAMES = ("localhost", "127.0.0.1", "ml.example.org")


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """The two files of a server."""

    cert: Path
    key: Path

    def settings(self) -> dict[str, str]:
        """The settings that name them."""
        return {"tls_cert_file": str(self.cert), "tls_key_file": str(self.key)}


class Authority:
    """Signs certificates; its own is in `file`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "CA of the tests")])
        self.file = directory / "ca.pem"
        signed = _builder(self._name, self._name, self._key, days=30).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.file.write_bytes(signed.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str = "server", *, days: float = 30, passphrase: str = "") -> ServerFiles:
        """New files of this name, in the place of older ones; days: until it ends, negative if it has ended."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([_general_name(item) for item in NAMES])
        cert = _builder(subject, self._name, key, days=days).add_extension(names, critical=False)
        files = ServerFiles(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        how: KeySerializationEncryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        _replace(files.cert, cert.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        _replace(files.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
        return files

    def client(self) -> ssl.SSLContext:
        """A client that trusts this authority only."""
        return ssl.create_default_context(cafile=self.file)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _replace(path: Path, content: bytes) -> None:
    """In one step, and closed to others: as a program that renews certificates does it."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o600)
    new.replace(path)
