"""Sends a file in pieces: after a broken connection the rest of it goes, also when the program was started again.

The protocol is tus 1.0.0 (https://tus.io/protocols/resumable-upload).
"""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

from ml_training.client.errors import ApiError, Json, Unreachable, UsageError
from ml_training.client.transport import TRANSIENT_STATUSES, Transport

PIECE_BYTES = 256 << 20  # what a server that is killed may lose; of a broken connection it keeps what has arrived
CHUNK_BYTES = 1 << 20
CONFLICT = 409


def send_file(transport: Transport, file: Path, sha256: str, *, on_sent: Callable[[int, int], None]) -> int:
    """Send what the service does not have yet; the id of the upload. Raises ApiError, Unreachable, UsageError.

    sha256: of the file, in hexadecimal digits; the service finds a broken upload by it. on_sent: called with the bytes
    that have gone and those of the whole file.
    """
    values = {"filename": file.name, "sha256": sha256}
    pairs = [f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items()]
    headers = {"Upload-Length": str(file.stat().st_size), "Upload-Metadata": ",".join(pairs)}
    upload = transport.post("/uploads", headers=headers)
    patience = transport.patience()
    while upload["received_bytes"] < upload["bytes"]:
        try:
            _send_piece(transport, upload, file, on_sent)
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


def _send_piece(transport: Transport, upload: Json, file: Path, on_sent: Callable[[int, int], None]) -> None:
    offset, whole = upload["received_bytes"], upload["bytes"]
    size = min(PIECE_BYTES, whole - offset)
    if file.stat().st_size < whole:
        raise UsageError(f"{file} became shorter while it was sent: send it again")

    def chunks() -> Iterator[bytes]:
        with file.open("rb") as stream:
            stream.seek(offset)
            for start in range(0, size, CHUNK_BYTES):
                on_sent(offset + start, whole)
                yield stream.read(min(CHUNK_BYTES, size - start))

    answer = transport.send_bytes(f"/uploads/{upload['id']}", chunks(), size=size, offset=offset)
    upload["received_bytes"] = int(answer["Upload-Offset"])
