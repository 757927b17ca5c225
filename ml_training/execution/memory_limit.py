"""How much memory a job may take: its process is watched, and asked before the kernel has to choose whom to kill."""

import contextlib
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from ml_training.domain.errors import ErrorCode
from ml_training.domain.records import JobError

SHARED = 0.9
RESERVE = 1.25  # allocations fail only beyond this multiple of the limit: the watch comes first, and says why
OUT_OF_MEMORY = JobError(
    ErrorCode.OUT_OF_MEMORY,
    "the job needs more memory than a worker's slot has",
    "use fewer rows, columns, windows, trees or leaves, or give the workers more memory a slot",
)


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """Bytes that this process may hold for itself; None: as many as it gets."""

    bytes: int | None = None

    def is_over(self) -> bool:
        """Whether it holds more; pages of mapped files do not count, since they can be dropped."""
        if self.bytes is None:
            return False
        memory = psutil.Process().memory_info()
        return int(memory.rss - getattr(memory, "shared", 0)) > self.bytes

    def enforce(self) -> None:
        """Let allocations fail that go far beyond the limit at once, where the system can do that (Linux)."""
        if self.bytes is not None and sys.platform == "linux":
            most = int(self.bytes * RESERVE)
            with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
                resource.setrlimit(resource.RLIMIT_DATA, (most, most))


NO_LIMIT = MemoryLimit()


def slot_memory(configured: int, *, slots: int) -> MemoryLimit:
    """The configured limit, or an even share of nine tenths of the machine's or the container's memory."""
    return MemoryLimit(configured or int(available_memory() * SHARED / max(1, slots)))


def available_memory(cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of the machine, or of the container that this process runs in when it has fewer."""
    found = [psutil.virtual_memory().total]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # version 2 and 1
        with contextlib.suppress(OSError, ValueError):  # not there, or "max"
            found.append(int((cgroups / name).read_text()))
    return min(found)
