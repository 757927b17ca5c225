"""Limits the memory that the C library keeps, for the threads of a process and after its work."""

import ctypes
import sys

M_ARENA_MAX = -8  # malloc.h


def give_back() -> None:
    """Give memory that the C library keeps for later back to the system, where it can do that."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform.startswith("linux") else None
    if trim is not None:
        trim(0)


def limit_arenas(arenas: int) -> bool:
    """Let all threads share this many heaps; call it before they start. True where the C library can do it.

    glibc otherwise gives every thread a heap of its own, which never shrinks.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return mallopt is not None and mallopt(M_ARENA_MAX, arenas) == 1
