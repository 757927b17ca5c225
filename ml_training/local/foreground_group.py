"""Keeps Ctrl-C for this process alone where make started it: make dies of the one that it hears, with status 130.

A terminal sends its signals to every process of the foreground group, and make shares that group with what it starts.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

STDIN, STDOUT = 0, 1


@contextmanager
def own_terminal() -> Iterator[None]:
    """Be the only one that hears the terminal's signals meanwhile; changes nothing where that is so already.

    That is without a terminal, in the background, where a shell gave this process a group of its own, and in a pipe,
    since its other end may be a pager, which reads its keys from the terminal. Ctrl-Z is ignored meanwhile: who started
    this process is not told that it stopped, and would never continue it.
    """
    if not _shares_terminal():
        yield
        return
    old = os.getpgrp()
    # A handler, since what is ignored would stay ignored in every program that is started.
    suspend = signal.signal(signal.SIGTSTP, lambda *_: None)
    try:
        os.setpgid(0, 0)
        _give_terminal(old, to=os.getpgrp())
        yield
    finally:
        # Refused when the old group is gone, or the terminal.
        with suppress(OSError):
            _give_terminal(os.getpgrp(), to=old)
        with suppress(OSError):
            os.setpgid(0, old)
        signal.signal(signal.SIGTSTP, suspend)


def _shares_terminal() -> bool:
    if os.getpgrp() == os.getpid() or not (os.isatty(STDIN) and os.isatty(STDOUT)):
        return False
    try:
        return os.tcgetpgrp(STDIN) == os.getpgrp()
    except OSError:  # a terminal, but of another session
        return False


def _give_terminal(group: int, *, to: int) -> None:
    """Hand the terminal on, if `group` has it still: a shell may have taken it back."""
    # Who is not in front and does this is stopped by SIGTTOU, unless it blocks that.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        if os.tcgetpgrp(STDIN) == group:
            os.tcsetpgrp(STDIN, to)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
