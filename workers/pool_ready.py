"""Whether a child of the pool can take a job: a byte of memory that the parent shares with all its children.

The parent's own start says nothing: its children come from the fork server, which loads for seconds.
"""

import mmap
from functools import cache


@cache
def _shared() -> mmap.mmap:
    return mmap.mmap(-1, 1)


def share_readiness() -> None:
    """Make the memory; the parent calls it before it forks anything."""
    _shared()


def say_ready() -> None:
    """A child can take a job from now on."""
    _shared()[0] = 1


def is_ready() -> bool:
    """Whether a child has said so."""
    return _shared()[0] == 1
