"""Runs `python -m MODULE` in a fork of this process, which has loaded what all parts of the stack share.

Such a process starts in a third of the time of a new interpreter, and shares the memory of the modules.
"""

import atexit
import gc
import importlib
import os
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from setproctitle import setproctitle

SHARED_MODULES = (  # none of them starts a thread or opens anything
    "celery.app.amqp",
    "kombu.transport.redis",
    "ml_training.db.stats",
    "ml_training.domain.specs",
    "ml_training.logs",
    "ml_training.queue.celery_app",
    "ml_training.queue.permits",
    "ml_training.services.resources",
    "ml_training.storage.open_storage",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "sqlalchemy.dialects.sqlite.pysqlite",
)
READ_AT_START = "LD_"  # variables that the dynamic loader reads when a program starts, and not later
OPENMP_RUNTIMES = ("libgomp", "libomp")  # they read their variables when they are loaded
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SQLITE_HEADER = b"SQLite format 3\0"


class ForkedProcess:
    """A child of this process, with the part of `subprocess.Popen` that a supervisor needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, minus the signal that ended it, or None while it runs."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int | None:
        """The same, after its end."""
        return self._wait(0)

    def terminate(self) -> None:
        """Send SIGTERM, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def _wait(self, options: int) -> int | None:
        if self._status is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status


def load_shared_modules() -> None:
    """Import them, so that forks share them; does nothing where processes are not forked."""
    if sys.platform == "linux":
        gc.disable()  # nothing of what is loaded is garbage
        for name in SHARED_MODULES:
            importlib.import_module(name)
        gc.collect()
        gc.freeze()  # the collector of a fork would write to, and so copy, every page that holds an object
        gc.enable()


def can_fork(environment: Mapping[str, str]) -> bool:
    """Whether a fork would be as good as a new interpreter.

    It has one thread only, so this process must have one; it must not carry a connection of SQLite, whose locks belong
    to a process, nor an OpenMP runtime, which would not read its variables again; macOS does not allow its own
    libraries after a fork.
    """
    if sys.platform != "linux" or any(name.startswith(READ_AT_START) for name in environment):
        return False
    threads = len(list(Path("/proc/self/task").iterdir()))
    return threads == 1 and not _has_openmp() and not _has_open_database()


def fork_module(arguments: Sequence[str], *, environment: Mapping[str, str], output: int) -> ForkedProcess:
    """Start `python -m` with these arguments, of which the first is the module, in a session of its own.

    environment: all variables of the process; output: the file that gets its output. Raises OSError.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    # Until it has its own handlers, a signal to the child would be taken for one to this process, and be lost.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            _run_and_exit(arguments, environment=environment, output=output, mask=mask)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return ForkedProcess(pid)


def _run_and_exit(
    arguments: Sequence[str], *, environment: Mapping[str, str], output: int, mask: set[int | signal.Signals]
) -> NoReturn:
    """In the child: nothing of the caller's frames runs again, so that its `finally` blocks do not."""
    status = 1
    try:
        _become_new(arguments, environment=environment, output=output)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        status = _status_of(arguments[0])
        threading._shutdown()  # type: ignore[attr-defined]  # as at the end of an interpreter
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - the edge of the process: what begins or ends it has failed
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _become_new(arguments: Sequence[str], *, environment: Mapping[str, str], output: int) -> None:
    """Leave what a new interpreter would not have: files, signal handlers, exit functions, the caller's variables."""
    atexit._clear()
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    # Before the environment changes, from which it finds where the system reads a command line.
    setproctitle(" ".join((sys.executable, "-m", *arguments)))
    os.environ.clear()
    os.environ.update(environment)
    if not sys.flags.safe_path:
        del sys.path[0]  # the directory of this program
    sys.argv = list(arguments)


def _status_of(module: str) -> int:
    """What a new interpreter would exit with after running the module."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:  # noqa: BLE001 - the edge of the process: its exit functions must run as in a new interpreter
        traceback.print_exc()
        return 1
    return 0


def _has_openmp() -> bool:
    loaded = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    return any(name in loaded for name in OPENMP_RUNTIMES)


def _has_open_database() -> bool:
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # a pipe, or the file that lists them
            if os.pread(int(entry.name), len(SQLITE_HEADER), 0) == SQLITE_HEADER:
                return True
    return False
