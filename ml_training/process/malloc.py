"""Limits the memory that the C library keeps for the threads of a process."""

import ctypes
import sys

M_ARENA_MAX = -8  # malloc.h


def limit_arenas(arenas: int) -> bool:
    """Let all threads share this many heaps; call it before they start. True where the C library can do it.

    glibc otherwise gives every thread a heap of its own, which never shrinks.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return mallopt is not None and mallopt(M_ARENA_MAX, arenas) == 1
