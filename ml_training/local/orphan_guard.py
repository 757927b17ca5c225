"""Ends the children of a stack whose parent was killed too hard to do it; Linux and macOS alike.

`python -m ml_training.local.orphan_guard` reads one line a child from its standard input: "+PID" started, "-PID" ended.
The end of the input means that the parent is gone; the sessions still listed are then asked to stop, last started
first, and killed after GRACE_SECONDS. A pipe is closed by the kernel however the parent dies, which neither a signal
handler nor `atexit` can promise, and which Linux' PR_SET_PDEATHSIG does not do for grandchildren or on macOS.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence

GRACE_SECONDS = 15.0


class Guard:
    """The parent's end of the pipe."""

    def __init__(self, *, keep_open: Sequence[int] = ()) -> None:
        """Start the guard; it also holds the descriptors `keep_open`, such as a lock, as long as it lives."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=keep_open,
            start_new_session=True,
        )

    def started(self, pid: int) -> None:
        """A child with a session of its own was started."""
        self._tell(f"+{pid}\n")

    def ended(self, pid: int) -> None:
        """It is gone, with its session."""
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """The parent leaves in order; whatever is still listed is ended."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process.stdin is None or self._process.poll() is not None:
            return  # somebody killed the guard: the stack runs on, without its last resort
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            return


def kill_session(pid: int, number: int = signal.SIGKILL) -> bool:
    """Send a signal to every process of the group that `pid` leads; False when there is none left."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group that holds only zombies
        return False
    return True


def listed(lines: Iterable[str]) -> list[int]:
    """The process ids that were started and not ended, in the order of their start."""
    pids: dict[int, None] = {}
    for line in lines:
        sign, pid = line[:1], int(line[1:])
        if sign == "+":
            pids[pid] = None
        else:
            pids.pop(pid, None)
    return list(pids)


def end_sessions(pids: Sequence[int], *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Ask each leader to stop, wait for their whole groups, kill what is left."""
    for pid in reversed(pids):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + grace_seconds
    while any(kill_session(pid, 0) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in pids:
        kill_session(pid)


def main() -> None:
    """Listen until the parent is gone, then tidy up after it."""
    end_sessions(listed(sys.stdin))


if __name__ == "__main__":
    main()
