"""The check of `ml-training doctor` for the certificate of API and exporter."""

import ssl
import time
from pathlib import Path
from typing import Any

from ml_training.cli.doctor_checks import DoctorCheck
from ml_training.process.certificate import CERT_FILE, CertificateError, load

DAY_SECONDS = 86_400
EARLY_DAYS = 7  # a certificate that is renewed by itself is renewed earlier than this


def check_tls(cert_file: Path, key_file: Path) -> DoctorCheck:
    """The two files belong together, and the certificate is valid for some days more."""
    remedy = f"correct {CERT_FILE} and its key; running servers use new files by themselves"
    try:
        found = _decoded(load(cert_file, key_file), cert_file)
    except CertificateError as error:
        return DoctorCheck("tls", False, str(error), remedy)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason
        return DoctorCheck("tls", False, f"{cert_file}: {reason}", remedy)
    names = ", ".join(str(name) for _, name in found.get("subjectAltName", ())) or "no name"
    until = str(found["notAfter"])
    days = (ssl.cert_time_to_seconds(until) - time.time()) / DAY_SECONDS
    return DoctorCheck("tls", days >= EARLY_DAYS, f"the certificate is for {names}, until {until}", remedy)


def _decoded(context: ssl.SSLContext, cert_file: Path) -> dict[str, Any]:
    """What the first certificate of the file says: Python decodes only one that a client has accepted."""
    reader = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    reader.check_hostname = False
    reader.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not know who signed it
    reader.load_verify_locations(cert_file)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = reader.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for end in (client, server, client):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return dict(client.getpeercert() or {})
