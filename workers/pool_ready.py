"""Whether a child of the pool can take a job, and the memory that it has then: shared by the parent and its children.

The parent's own start says nothing: its children come from the fork server, which loads for seconds.
"""

import mmap
import struct
from functools import cache

READY, MEMORY = 0, struct.Struct("=8xQ")  # a byte; a number of bytes behind it


@cache
def _shared() -> mmap.mmap:
    return mmap.mmap(-1, MEMORY.size)


def share_readiness() -> None:
    """Make the memory; the parent calls it before it forks anything."""
    _shared()


def say_ready(memory: int) -> None:
    """A child can take a job from now on; memory: the bytes that it has before its first job."""
    MEMORY.pack_into(_shared(), 0, memory)
    _shared()[READY] = 1


def memory_of_a_child() -> int:
    """The bytes that a child has before its first job; 0 before one was ready."""
    return int(MEMORY.unpack_from(_shared())[0])


def is_ready() -> bool:
    """Whether a child has said so."""
    return _shared()[READY] == 1
