"""Downloads a file whole or not at all, and compares it with the SHA-256 that the service promises."""

import hashlib
from contextlib import suppress
from pathlib import Path

from ml_training.client.errors import ApiError, Unreachable
from ml_training.client.transport import TRANSIENT_STATUSES, Transport


def download(transport: Transport, path: str, target: Path, *, sha256: str) -> Path:
    """Write what `path` answers to the file `target`; raises ApiError, Unreachable, OSError, and leaves nothing then.

    A download that breaks off starts again while the service is away.
    """
    patience = transport.patience()
    partial = target.with_name(target.name + ".part")
    while True:
        try:
            if _fetch(transport, path, partial) == sha256:
                return partial.replace(target)
            problem = Unreachable(f"what {transport.url} sent is damaged on its way: download it again")
        except Unreachable as error:
            problem = error
        except ApiError as error:
            if error.status not in TRANSIENT_STATUSES or not patience.wait():
                raise
            continue
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
        if not patience.wait():
            raise problem


def _fetch(transport: Transport, path: str, partial: Path) -> str:
    digest = hashlib.sha256()
    with transport.stream(path) as response, partial.open("wb") as file:
        for chunk in response.iter_bytes():
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
