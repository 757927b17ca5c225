"""Ends the child processes of a stack whose parent was killed; works on Linux and macOS.

`python -m ml_training.local.orphan_guard` reads lines from its standard input: "+PID" for a child that started, "-PID"
for a child that ended. The end of the input means that the parent is gone. Then the guard stops the sessions that are
still listed, the last started first, and kills them after GRACE_SECONDS. The kernel closes a pipe however the parent
dies; a signal handler or `atexit` cannot promise that, and Linux' PR_SET_PDEATHSIG covers neither grandchildren nor
macOS.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence

GRACE_SECONDS = 15.0


class OrphanGuard:
    """The parent's end of the pipe."""

    def __init__(self, *, keep_open: Sequence[int] = ()) -> None:
        """Start the guard process; it keeps the descriptors `keep_open`, such as a lock, open as long as it lives."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=keep_open,
            start_new_session=True,
        )

    def child_started(self, pid: int) -> None:
        """Add a child that leads its own session."""
        self._send(f"+{pid}\n")

    def child_ended(self, pid: int) -> None:
        """Remove a child whose whole session has ended."""
        self._send(f"-{pid}\n")

    def close(self) -> None:
        """The parent exits normally; the guard ends every child that is still listed, then itself."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _send(self, line: str) -> None:
        if self._process.stdin is None or self._process.poll() is not None:
            return  # the guard was killed: the stack keeps running without this last resort
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            return


def signal_process_group(pid: int, number: int = signal.SIGKILL) -> bool:
    """Send a signal to every process of the group that `pid` leads; False when the group is empty."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS raises this for a group that holds only zombies
        return False
    return True


def running_pids(lines: Iterable[str]) -> list[int]:
    """The process ids that started and did not end, in the order of their start: ["+7", "+8", "-7"] gives [8]."""
    pids: dict[int, None] = {}
    for line in lines:
        sign, pid = line[:1], int(line[1:])
        if sign == "+":
            pids[pid] = None
        else:
            pids.pop(pid, None)
    return list(pids)


def terminate_sessions(pids: Sequence[int], *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Send SIGTERM to each session leader, wait for all processes of the sessions, and kill those that remain."""
    for pid in reversed(pids):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + grace_seconds
    while any(signal_process_group(pid, 0) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in pids:
        signal_process_group(pid)


def main() -> None:
    """Read the list until the parent is gone, then end the remaining sessions."""
    terminate_sessions(running_pids(sys.stdin))


if __name__ == "__main__":
    main()
