"""Makes this process the terminal's only foreground process group, so that make does not receive Ctrl-C.

A terminal sends its signals to every process of the foreground group, and make shares that group with its children.
On Ctrl-C, make itself would die with status 130.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

STDIN, STDOUT = 0, 1


@contextmanager
def own_foreground_group() -> Iterator[None]:
    """Move this process into its own foreground group within the context, if it shares the terminal's group.

    Nothing changes without a terminal, in the background, where a shell already gave this process its own group, and in
    a pipe: the other end may be a pager, which reads its keys from the terminal. Ctrl-Z is ignored within the context:
    the process that started this one would not notice the stop and would never continue it.
    """
    if not _shares_foreground_group():
        yield
        return
    old_group = os.getpgrp()
    # A handler instead of SIG_IGN, because child programs inherit ignored signals.
    old_handler = signal.signal(signal.SIGTSTP, lambda *_: None)
    try:
        os.setpgid(0, 0)
        _set_foreground_group(old_group, to=os.getpgrp())
        yield
    finally:
        # These fail when the old group or the terminal no longer exists.
        with suppress(OSError):
            _set_foreground_group(os.getpgrp(), to=old_group)
        with suppress(OSError):
            os.setpgid(0, old_group)
        signal.signal(signal.SIGTSTP, old_handler)


def _shares_foreground_group() -> bool:
    if os.getpgrp() == os.getpid() or not (os.isatty(STDIN) and os.isatty(STDOUT)):
        return False
    try:
        return os.tcgetpgrp(STDIN) == os.getpgrp()
    except OSError:  # the terminal belongs to another session
        return False


def _set_foreground_group(group: int, *, to: int) -> None:
    """Give the terminal to group `to` if `group` still has it; a shell may have taken it back."""
    # The kernel stops a background process that does this with SIGTTOU, unless SIGTTOU is blocked.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        if os.tcgetpgrp(STDIN) == group:
            os.tcsetpgrp(STDIN, to)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
