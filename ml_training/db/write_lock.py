"""The turn to write: one writer of a SQLite file at a time, over all threads and processes of the machine.

SQLite's own lock has no queue: who finds it taken sleeps, and looks again, up to seconds after it was free. Here the
kernel wakes the next writer at once, and takes the turn from a process that ends, however it ends. SQLite's lock still
decides who writes: a writer that gets no turn in time writes without one, as if there were no turns.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class WriteLock:
    """Turns on one lock file; thread-safe, opened lazily, also after a fork.

    The file is not the database: to close any file descriptor of that would drop SQLite's own locks.
    """

    def __init__(self, path: Path, *, patience: float) -> None:
        self._path = path
        self._patience = patience  # seconds to wait for a turn
        self._file: int | None = None
        self._impatient_until = 0.0
        self._reset()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the turn in the block; without it when a process that has it is frozen, or there is no lock file."""
        if self._pid != os.getpid():
            self._reset()
        started = time.monotonic()
        patience = self._patience if started > self._impatient_until else 0.0
        in_process = self._threads.acquire(timeout=patience)
        try:
            has_turn = in_process and self._take(started + patience)
            if patience and not has_turn:
                self._impatient_until = time.monotonic() + self._patience  # one has waited: the next ones need not
            try:
                yield
            finally:
                if has_turn and self._file is not None:
                    fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            if in_process:
                self._threads.release()

    def _reset(self) -> None:
        if self._file is not None:
            os.close(self._file)  # of the parent process, which keeps its own
        self._pid, self._file = os.getpid(), None
        self._threads = threading.Lock()
        self._impatient_until = 0.0
        self._changed = threading.Condition()
        self._is_wanted = self._is_taken = False
        self._helper: threading.Thread | None = None

    def _take(self, deadline: float) -> bool:
        """Lock the file; only one thread of the process at a time."""
        if self._file is None:
            with suppress(OSError):  # a directory without room or rights: SQLite's own lock must do
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if self._file is None:
            return False
        if self._helper is None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            except OSError:  # a file system without such locks
                return False
            else:
                return True
        return self._wait(self._file, deadline)

    def _wait(self, file: int, deadline: float) -> bool:
        # The kernel's wait has no time limit, so a thread of its own waits: it may stay behind a frozen process.
        with self._changed:
            self._is_wanted = True
            if self._helper is None:
                self._helper = threading.Thread(target=self._lock_for, args=(file,), name="write-lock", daemon=True)
                self._helper.start()
            self._changed.wait_for(lambda: self._is_taken, max(0.0, deadline - time.monotonic()))
            has_turn, self._is_wanted, self._is_taken = self._is_taken, False, False
        return has_turn

    def _lock_for(self, file: int) -> None:
        """Lock the file for whoever wants the turn by then; nobody may."""
        fcntl.flock(file, fcntl.LOCK_EX)
        with self._changed:
            self._helper = None
            if self._is_wanted:
                self._is_taken = True
                self._changed.notify()
            else:
                fcntl.flock(file, fcntl.LOCK_UN)
