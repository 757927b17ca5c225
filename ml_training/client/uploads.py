"""Sends a file in pieces: after a broken connection the rest of it goes, also when the program was started again.

The protocol is tus 1.0.0 (https://tus.io/protocols/resumable-upload).
"""

import base64
from collections.abc import Callable
from pathlib import Path

from ml_training.client.errors import ApiError, Json, Unreachable, UsageError
from ml_training.client.transport import TRANSIENT_STATUSES, Transport

PIECE_BYTES = 16 << 20
CONFLICT = 409


def send_file(transport: Transport, file: Path, sha256: str, *, on_sent: Callable[[int, int], None]) -> int:
    """Send what the service does not have yet; the id of the upload. Raises ApiError, Unreachable, UsageError.

    sha256: of the file, in hexadecimal digits; the service finds a broken upload by it. on_sent: called with the bytes
    that have arrived and those of the whole file.
    """
    values = {"filename": file.name, "sha256": sha256}
    pairs = [f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items()]
    headers = {"Upload-Length": str(file.stat().st_size), "Upload-Metadata": ",".join(pairs)}
    upload = transport.post("/uploads", headers=headers)
    patience = transport.patience()
    while upload["received_bytes"] < upload["bytes"]:
        on_sent(upload["received_bytes"], upload["bytes"])
        try:
            _send_piece(transport, upload, file)
            patience.restart()
        except (Unreachable, ApiError) as error:
            if isinstance(error, ApiError) and error.status not in TRANSIENT_STATUSES | {CONFLICT}:
                raise
            is_refused = isinstance(error, ApiError) and error.status == CONFLICT
            if not is_refused and not patience.wait():
                raise
            found = transport.get(f"/uploads/{upload['id']}")
            if is_refused and found == upload:
                raise
            upload = found
    on_sent(upload["bytes"], upload["bytes"])
    return int(upload["id"])


def _send_piece(transport: Transport, upload: Json, file: Path) -> None:
    with file.open("rb") as stream:
        stream.seek(upload["received_bytes"])
        data = stream.read(PIECE_BYTES)
    if not data:
        raise UsageError(f"{file} became shorter while it was sent: send it again")
    answer = transport.send_bytes(f"/uploads/{upload['id']}", data, offset=upload["received_bytes"])
    upload["received_bytes"] = int(answer["Upload-Offset"])
