"""The memory limit of a slot: the lease thread stops a job above it before the kernel has to kill a process."""

import contextlib
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from ml_training.domain.errors import ErrorCode
from ml_training.domain.records import JobError

SHARED = 0.9
RESERVE = (
    1.25  # allocations fail above this multiple of the limit: usually the lease thread acts first and gives the reason
)
OUT_OF_MEMORY = JobError(
    ErrorCode.OUT_OF_MEMORY,
    "the job needs more memory than a worker's slot has",
    "use fewer rows, columns, windows, trees or leaves, or give the workers more memory a slot",
)


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """Private bytes that this process may use; None: no limit."""

    bytes: int | None = None

    def is_over(self, pid: int | None = None) -> bool:
        """Whether this process, or another one, uses more.

        Pages of mapped files do not count, since the kernel can drop them.
        """
        return self.bytes is not None and private_memory(pid) > self.bytes

    def enforce(self) -> None:
        """Make single allocations far above the limit fail, where the system can do that (Linux)."""
        if self.bytes is not None and sys.platform == "linux":
            most = int(self.bytes * RESERVE)
            with contextlib.suppress(ValueError, OSError):  # a lower limit is in force already
                resource.setrlimit(resource.RLIMIT_DATA, (most, most))


NO_LIMIT = MemoryLimit()


def private_memory(pid: int | None = None) -> int:
    """Bytes of this process, or of another one, that no file backs."""
    memory = psutil.Process(pid).memory_info()
    return int(memory.rss - getattr(memory, "shared", 0))


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
