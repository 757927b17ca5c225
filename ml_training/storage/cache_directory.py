"""A directory of files that can be made again: bounded in bytes, and shared by the processes of the machine.

An entry is complete or absent, and named by a SHA-256. A reader gets a link of its own to the file: others may remove
the entry at any time, but what has a link is in use, and removing it would free nothing, so it is kept.

Temporary files and the links of readers are in directories which their process locks for as long as it lives: whoever
opens the cache next removes the directories of killed processes.
"""

import fcntl
import os
import re
import shutil
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SESSIONS = "sessions"
KEY = re.compile(r"[0-9a-f]{64}")
YOUNG_SECONDS = 60.0  # a younger session may be about to lock its directory
FREE_BYTES = 1 << 30  # so much of the disk stays free for what cannot be made again


@dataclass(frozen=True, slots=True)
class CacheDirectory:
    """The files below `root`, temporary ones too, take at most `limit_bytes`; 0: nothing is kept.

    What has not been used for the longest time is removed first. Nothing is made before the first use.
    """

    root: Path
    limit_bytes: int
    free_bytes: int = FREE_BYTES

    def entry(self, key: str) -> Path:
        """Where the file of a key is; raises ValueError for a text that is no SHA-256."""
        if not KEY.fullmatch(key):
            raise ValueError("not a key of the cache")
        return self.root / key

    def make_room(self, needed: int) -> bool:
        """Remove the oldest entries that nobody uses until `needed` bytes fit in; whether they do. Raises OSError."""
        if needed > self.limit_bytes:
            return False
        files = _files_below(self.root)
        free = shutil.disk_usage(self.root).free - self.free_bytes
        excess = max(sum(status.st_size for status in files.values()) - self.limit_bytes, -free) + needed
        entries = {path: status for path, status in files.items() if path.parent == self.root}
        for path, status in sorted(entries.items(), key=lambda item: item[1].st_mtime_ns):
            if excess <= 0:
                break
            if status.st_nlink == 1:
                path.unlink(missing_ok=True)
                excess -= status.st_size
        return excess <= 0

    def locked_directory(self) -> tuple[Path, int]:
        """A new directory for a session, and the descriptor that locks it; raises OSError."""
        sessions = self.root / SESSIONS
        sessions.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.remove_left_sessions(older_than=YOUNG_SECONDS)
        directory = sessions / uuid.uuid4().hex
        directory.mkdir()
        return directory, _locked(directory)

    def remove_left_sessions(self, *, older_than: float) -> int:
        """Remove the directories of killed processes that are older, in seconds; returns how many."""
        removed = 0
        for left in (self.root / SESSIONS).glob("*"):
            with suppress(OSError):  # its process is still there, or somebody else was quicker
                removed += _remove_if_left(left, older_than)
        return removed


def _remove_if_left(directory: Path, older_than: float) -> bool:
    """Remove the directory of a session whose process is gone; raises OSError."""
    if time.time() - directory.stat().st_mtime <= max(older_than, YOUNG_SECONDS):
        return False
    lock = _locked(directory)
    try:
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        os.close(lock)
    return True


def _locked(directory: Path) -> int:
    """A descriptor that locks the directory until it is closed; raises BlockingIOError when another process does."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _files_below(root: Path) -> dict[Path, os.stat_result]:
    """Entries and temporary files; each file once, though it may have several links."""
    entries = [path for path in root.iterdir() if KEY.fullmatch(path.name)]
    found: dict[int, tuple[Path, os.stat_result]] = {}
    for path in [*entries, *(root / SESSIONS).rglob("*")]:
        with suppress(FileNotFoundError):  # removed since it was listed
            status = path.stat()
            if not path.is_dir():
                found.setdefault(status.st_ino, (path, status))
    return dict(found.values())
