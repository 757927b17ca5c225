"""The files of a certificate: which are refused, with which line, and what a running server does with new ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ml_training.cli.doctor_tls import check_tls
from ml_training.process import certificate
from ml_training.process.certificate import CertificateError, ServerCertificate, load
from tests.support.tls import Authority, ServerFiles

Damage = Callable[[ServerFiles], object]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda files: files.cert.unlink(), "TLS_CERT_FILE: {cert} cannot be read: No such file or directory"),
        (lambda files: files.key.unlink(), "TLS_KEY_FILE: {key} cannot be read: No such file or directory"),
        (lambda files: files.cert.write_text("x"), "TLS_CERT_FILE: {cert} holds no certificate in PEM form"),
        (lambda files: files.key.write_text("x"), "TLS_KEY_FILE: {key} holds no private key in PEM form"),
        (lambda files: files.key.chmod(0o644), "TLS_KEY_FILE: {key} is open to other users of this machine"),
        (lambda files: files.cert.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n"), "TLS_KEY_FILE: damaged files"),
        (lambda files: _replace_by_directory(files.cert), "TLS_CERT_FILE: {cert} cannot be read: Is a directory"),
    ],
)
def test_files_that_cannot_be_used_are_named(authority: Authority, damage: Damage, told: str) -> None:
    files = authority.issue()
    damage(files)
    with pytest.raises(CertificateError) as caught:
        load(files.cert, files.key)
    assert str(caught.value).startswith(f"ML_TRAINING_{told.format(cert=files.cert, key=files.key)}")


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked_for_it(authority: Authority) -> None:
    files = authority.issue(passphrase="secret")
    with pytest.raises(CertificateError, match="needs a passphrase"):
        load(files.cert, files.key)


def test_a_key_of_another_certificate_is_refused(authority: Authority) -> None:
    files, other = authority.issue(), authority.issue("other")
    with pytest.raises(CertificateError, match=f"{other.key} is not the key of {files.cert}"):
        load(files.cert, other.key)


def test_renewed_files_are_used_and_wrong_ones_are_not(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "LOOK_SECONDS", 0.0)
    files = authority.issue()
    server = ServerCertificate(files.cert, files.key)
    first = server.context()
    assert server.context() is first
    files.key.write_text("half")
    assert server.context() is first
    authority.issue()
    second = server.context()
    assert second is not first
    files.cert.unlink()
    assert server.context() is second


def test_doctor_tells_the_names_and_the_end_of_a_certificate(authority: Authority) -> None:
    files = authority.issue()
    check = check_tls(files.cert, files.key)
    assert check.ok
    assert "localhost, 127.0.0.1, ml.example.org, until " in check.detail
    ending = authority.issue("ending", days=3)
    assert not check_tls(ending.cert, ending.key).ok
    ended = authority.issue("ended", days=-1)
    assert check_tls(ended.cert, ended.key).detail == f"{ended.cert}: certificate has expired"
    assert "is not the key of" in check_tls(files.cert, ended.key).detail


def _replace_by_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()
