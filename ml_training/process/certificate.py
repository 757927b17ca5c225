"""The certificate of the API and the exporter, from two files; renewed ones are used without a restart."""

import ssl
import threading
import time
from pathlib import Path

from ml_training.domain.variables import PREFIX, SettingsError
from ml_training.logs import get_logger
from ml_training.secret_files import read_private
from ml_training.settings import Settings

log = get_logger(__name__)
LOOK_SECONDS = 1.0  # between two looks at the files
CERTIFICATE, PRIVATE_KEY = "-----BEGIN CERTIFICATE-----", "PRIVATE KEY-----"
CERT_FILE, KEY_FILE = f"{PREFIX}TLS_CERT_FILE", f"{PREFIX}TLS_KEY_FILE"
Stamp = tuple[tuple[int, int, int] | None, ...]


class CertificateError(Exception):
    """The two files cannot be used; the message names the variable and the remedy."""


class ServerCertificate:
    """The certificate that a server shows. Thread-safe. Raises CertificateError when it cannot be used at the start."""

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        self._files = (cert_file, key_file)
        self._stamp = _stamp(self._files)
        self._context = load(cert_file, key_file)
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._lock = threading.Lock()

    def context(self) -> ssl.SSLContext:
        """For the next connection; while new files cannot be used, that of the last ones that could."""
        with self._lock:
            if time.monotonic() >= self._look_at:
                self._look()
                self._look_at = time.monotonic() + LOOK_SECONDS
            return self._context

    def _look(self) -> None:
        stamp = _stamp(self._files)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._context = load(*self._files)
        except CertificateError as error:  # mostly for a moment, while only one of the two is new
            log.warning("certificate_not_renewed", error=str(error))
        else:
            log.info("certificate_renewed", file=str(self._files[0]))


def server_certificate(settings: Settings) -> ServerCertificate | None:
    """The one that the settings name; None where plain HTTP is spoken. Raises SettingsError."""
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    try:
        return ServerCertificate(settings.tls_cert_file, settings.tls_key_file)
    except CertificateError as error:
        raise SettingsError(f"these settings cannot be used:\n  {error}") from None


def load(cert_file: Path, key_file: Path) -> ssl.SSLContext:
    """A context of a server with this certificate: TLS 1.2 or newer. Raises CertificateError."""
    if CERTIFICATE not in _text(CERT_FILE, cert_file, is_open=True):
        raise CertificateError(f"{CERT_FILE}: {cert_file} holds no certificate in PEM form")
    key = _text(KEY_FILE, key_file, is_open=False)
    if PRIVATE_KEY not in key:
        raise CertificateError(f"{KEY_FILE}: {key_file} holds no private key in PEM form")
    if "ENCRYPTED" in key:
        raise CertificateError(f"{KEY_FILE}: {key_file} needs a passphrase: store the key without one")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert_file, key_file, password="")  # never asks on a terminal
    except ssl.SSLError as error:
        is_other = error.reason == "KEY_VALUES_MISMATCH"
        why = f"{key_file} is not the key of {cert_file}" if is_other else f"damaged files: {error.reason}"
        raise CertificateError(f"{KEY_FILE}: {why}") from None
    except OSError as error:  # replaced just now
        raise CertificateError(f"{CERT_FILE}: {error.strerror or error}") from None
    return context


def _text(variable: str, path: Path, *, is_open: bool) -> str:
    try:
        return read_private(path, is_open=is_open).decode("latin-1")
    except OSError as error:
        raise CertificateError(f"{variable}: {path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise CertificateError(f"{variable}: {path} {error}") from None


def _stamp(paths: tuple[Path, ...]) -> Stamp:
    return tuple(_file_stamp(path) for path in paths)


def _file_stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
