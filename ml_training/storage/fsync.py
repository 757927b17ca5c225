"""Makes what was written survive a power cut."""

import os
from pathlib import Path


def fsync(path: Path) -> None:
    """Wait until a file's bytes, or a directory's names, are on the disk; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
