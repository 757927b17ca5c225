"""Runs work on data of users in a fork of this process, with limits: what goes wrong there ends the fork alone.

The memory that the work took is given back when the fork ends, and a crash of a parser's native code is an answer like
any other one. The fork tells its progress and its result as lines of JSON through a pipe, which nobody unpickles.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import psutil

from ml_training.execution.memory_limit import NO_LIMIT, MemoryLimit

LOOK_SECONDS = 0.2  # between two looks at the memory of the fork and at requests to stop
CHUNK = 1 << 16
CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGSYS})
PR_SET_PDEATHSIG = 1  # linux/prctl.h
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h

Progress = Callable[[float, str], None]
Work = Callable[[Progress], Any]


class WorkFailed(Exception):
    """The work cannot be done within its limits; the message says what the work does, such as `needs more memory`."""


class RunWork(Protocol):
    """Runs work; returns what it returns, as JSON values, and passes its OSErrors on. Raises WorkFailed."""

    def __call__(self, work: Work, *, progress: Progress) -> Any:
        """`progress` is called again and again while the work runs; what it raises ends the work and is passed on."""


def in_this_process(work: Work, *, progress: Progress) -> Any:
    """Without limits, for systems that cannot fork safely."""
    return work(progress)


@dataclass(frozen=True, slots=True)
class ForkedWork:
    """Runs work in a fork; Linux only.

    memory: of the fork, as of any job; cpu_seconds: of its processor time.
    """

    memory: MemoryLimit = NO_LIMIT
    cpu_seconds: int = 3_600

    def __call__(self, work: Work, *, progress: Progress) -> Any:
        """See RunWork."""
        parent, (read_end, write_end) = os.getpid(), os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads: the fork has one
            child = os.fork()
        if child == 0:
            os.close(read_end)
            self._run(work, write_end, parent)
        os.close(write_end)
        try:
            answer = self._follow(child, read_end, progress)
        except BaseException:  # passed on: the child only must not outlive its work
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        finally:
            os.close(read_end)
        return self._result(answer, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    def _follow(self, child: int, read_end: int, progress: Progress) -> dict[str, Any]:
        """Read until the end of the pipe; the last message that is no progress."""
        rest, answer, last = b"", dict[str, Any](), (0.0, "")
        while True:
            ready = select.select([read_end], [], [], LOOK_SECONDS)[0]
            data = os.read(read_end, CHUNK) if ready else None
            if data == b"":
                return answer
            *lines, rest = (rest + (data or b"")).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if "progress" in message:
                    last = tuple(message["progress"])
                else:
                    answer = message
            if not answer:
                progress(*last)
                self._check_memory(child)

    def _check_memory(self, child: int) -> None:
        with suppress(psutil.Error):  # it has just ended
            if self.memory.is_over(child):
                raise WorkFailed(self._too_large())

    def _too_large(self) -> str:
        slot = "" if self.memory.bytes is None else f": {self.memory.bytes / 1e6:,.0f} MB"
        return f"needs more memory than the slot of a worker has{slot}"

    def _result(self, answer: dict[str, Any], status: int) -> Any:
        if "result" in answer:
            return answer["result"]
        if "memory" in answer:
            raise WorkFailed(self._too_large())
        if "errno" in answer:
            raise OSError(answer["errno"], answer["text"])
        if "defect" in answer:
            raise RuntimeError(answer["defect"])
        if -status == signal.SIGXCPU:
            raise WorkFailed(f"takes more than {self.cpu_seconds:,} seconds of a processor")
        if -status in CRASHES:
            raise WorkFailed(f"crashes the library that reads it, with {signal.Signals(-status).name}")
        # Killed from outside, such as by the kernel because the machine is out of memory: the attempt is lost.
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError(status)

    def _run(self, work: Work, write_end: int, parent: int) -> NoReturn:
        status = 1
        try:
            _end_with(parent)
            _leave_network()
            resource.setrlimit(resource.RLIMIT_CPU, (self.cpu_seconds, self.cpu_seconds + 1))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            _tell(write_end, _answer(work, write_end))
            status = 0
        finally:
            os._exit(status)


def _answer(work: Work, write_end: int) -> dict[str, Any]:
    try:
        return {"result": work(lambda fraction, message: _tell(write_end, {"progress": [fraction, message]}))}
    except MemoryError:
        return {"memory": True}
    except OSError as error:
        return {"errno": error.errno, "text": str(error.strerror or error)}
    except BaseException:  # noqa: BLE001 - the edge of a process: its parent raises it
        return {"defect": traceback.format_exc()[-2_000:]}


def _tell(write_end: int, message: dict[str, Any]) -> None:
    data = memoryview(json.dumps(message).encode() + b"\n")
    while data:
        data = data[os.write(write_end, data) :]


def _end_with(parent: int) -> None:
    """Let the kernel end this process with its parent, which alone hears the signals to a group of processes."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _leave_network() -> None:
    """A network of its own, without any interface, where the system lets a user have one."""
    if _libc().unshare(CLONE_NEWNET) != 0:
        _libc().unshare(CLONE_NEWUSER | CLONE_NEWNET)


def _libc() -> Any:
    return ctypes.CDLL(None)


def run_work(memory: MemoryLimit) -> RunWork:
    """In a fork, where the system can do that safely."""
    return ForkedWork(memory) if sys.platform == "linux" else in_this_process
