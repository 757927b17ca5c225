"""The cores of a host, shared by the jobs that run on it: a lone job has all of them, two jobs half each.

Each running job holds a lock on one byte of a file, so the number of locks is the number of jobs. The kernel drops the
lock of a process that ends, however it ends: nothing is left behind that somebody would have to clean up. All workers
of a host that use the same data directory share its cores, in containers too.
"""

import fcntl
import os
import random
import socket
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_training.logs import get_logger

log = get_logger(__name__)
FILE_NAME = "cores.lock"
LOOK_SECONDS = 0.02  # how long an answer is used again: rounds of small jobs take less than a millisecond
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
BYTES_OF_A_HOST = 2**40  # each host has a range of the file of its own: the directory may be shared by many
# struct flock of <fcntl.h>, whose fields Linux and macOS order differently.
_LAYOUT, *_FIELDS = (
    ("hhqqi", "type", "whence", "start", "length", "pid")
    if sys.platform == "linux"
    else ("qqihh", "start", "length", "pid", "type", "whence")
)


class SharedCores:
    """The share of a process that runs one job at a time; see `training.cores.Cores`.

    cores: of the host; most: threads of a job, at most; alone: threads when the file cannot be locked.
    """

    def __init__(self, directory: Path, *, cores: int, most: int, alone: int) -> None:
        self._path = directory / FILE_NAME
        self._cores = cores
        self._most = most
        self._alone = alone
        self._first = zlib.crc32(_host().encode()) % 2**22 * BYTES_OF_A_HOST
        self._file: int | None = None
        self._byte: int | None = None  # the lock of the running job
        self._granted = alone
        self._looks_at = 0.0  # monotonic time of the next look

    @contextmanager
    def running(self) -> Iterator[None]:
        """A job runs in the block, and has its share of the cores."""
        try:
            self._lock()
        except OSError as error:  # no room, no rights, a file system without locks
            log.warning("cores_not_shared", error=str(error), threads=self._alone)
        try:
            yield
        finally:
            self._unlock()

    def granted(self) -> int:
        """How many threads the job may use now; jobs that came first get what cannot be divided."""
        now = time.monotonic()
        if now >= self._looks_at:
            self._granted, self._looks_at = self._share(), now + LOOK_SECONDS
        return self._granted

    def _share(self) -> int:
        if self._file is None or self._byte is None:
            return self._alone
        try:
            others = _locked(self._file, self._first, self._first + BYTES_OF_A_HOST)
        except OSError:
            return self._alone
        each, rest = divmod(self._cores, len(others) + 1)
        rank = sum(byte < self._byte for byte in others)
        return max(1, min(self._most, each + (rank < rest)))

    def _lock(self) -> None:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        while self._byte is None:
            byte = self._first + random.randrange(BYTES_OF_A_HOST)  # noqa: S311 - no secret
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
            except BlockingIOError:
                continue  # another job has drawn the same byte
            self._byte = byte
        self._looks_at = 0.0

    def _unlock(self) -> None:
        if self._file is not None and self._byte is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._byte)
        self._byte, self._looks_at = None, 0.0


def _locked(file: int, first: int, end: int) -> list[int]:
    """The bytes of the range that other processes have locked, in their order; raises OSError."""
    if first >= end:
        return []
    asked = {"type": fcntl.F_WRLCK, "whence": os.SEEK_SET, "start": first, "length": end - first, "pid": 0}
    answer = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(_LAYOUT, *(asked[name] for name in _FIELDS)))
    found = dict(zip(_FIELDS, struct.unpack(_LAYOUT, answer), strict=True))
    if found["type"] == fcntl.F_UNLCK:
        return []
    byte = found["start"]  # of any lock in the range, not always the first
    return [*_locked(file, first, byte), byte, *_locked(file, byte + 1, end)]


def _host() -> str:
    """Equal for all processes and containers of a host."""
    try:
        return BOOT_ID.read_text()
    except OSError:  # not Linux
        return socket.gethostname()
