"""Writes files that hold passwords: only their owner can read them, and nobody reads a partial file."""

import os
from pathlib import Path


def write_private_file(path: Path, text: str) -> None:
    """Atomically replace `path` with a file of mode 0600 that holds `text`."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
