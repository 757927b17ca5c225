"""Work on files of users runs in a fork with limits: whatever happens there, this process gets an answer."""

import ctypes
import errno
import faulthandler
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from ml_training.execution.forked_work import ForkedWork, Progress, WorkFailed, in_this_process
from ml_training.execution.memory_limit import MemoryLimit, private_memory
from tests.support.eventually import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="work is forked on Linux only")
MEGABYTE = 1_000_000


def ignore(fraction: float, message: str) -> None:
    """Progress that nobody looks at."""


def run(work: Callable[[Progress], Any], forked: ForkedWork | None = None, progress: Progress = ignore) -> Any:
    return (forked or ForkedWork())(work, progress=progress)


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def no_child_is_left() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return True


def test_the_result_and_the_progress_come_back_and_the_memory_does_too() -> None:
    seen = []

    def work(progress: Progress) -> Any:
        kept = bytearray(300 * MEGABYTE)
        progress(0.5, "half of it")
        return {"pid": os.getpid(), "bytes": len(kept), "text": "ü" * 100_000}

    before = private_memory()
    found = run(work, progress=lambda fraction, message: seen.append((fraction, message)))
    assert found["pid"] != os.getpid()
    assert (found["bytes"], found["text"]) == (300 * MEGABYTE, "ü" * 100_000)
    assert (0.5, "half of it") in seen
    assert private_memory() - before < 50 * MEGABYTE
    assert in_this_process(lambda progress: os.getpid(), progress=ignore) == os.getpid()


def test_a_fault_of_the_machine_is_passed_on_and_a_defect_is_named() -> None:
    def full(progress: Progress) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with pytest.raises(OSError, match="no space") as raised:
        run(full)
    assert raised.value.errno == errno.ENOSPC

    def wrong(progress: Progress) -> None:
        raise KeyError("oops")

    with pytest.raises(RuntimeError, match="oops"):
        run(wrong)


def test_more_memory_than_the_slot_has_is_an_answer() -> None:
    most = MemoryLimit(private_memory() + 200 * MEGABYTE)

    def grow(progress: Progress) -> None:
        kept = []
        while True:
            kept.append(b"x" * MEGABYTE)
            pause(0.001)

    with pytest.raises(WorkFailed, match="needs more memory than the slot of a worker has"):
        run(grow, ForkedWork(most))

    def allocate(progress: Progress) -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
        bytearray(4 << 30)

    with pytest.raises(WorkFailed, match="needs more memory"):
        run(allocate)


def test_a_crash_of_native_code_is_an_answer() -> None:
    def crash(progress: Progress) -> None:
        faulthandler.disable()  # its report would look like a failed test
        ctypes.string_at(0)

    def abort(progress: Progress) -> None:
        faulthandler.disable()
        os.abort()

    with pytest.raises(WorkFailed, match="SIGSEGV"):
        run(crash)
    with pytest.raises(WorkFailed, match="SIGABRT"):
        run(abort)


def test_work_without_an_end_takes_its_seconds_and_no_more() -> None:
    def spin(progress: Progress) -> None:
        while True:
            pass

    with pytest.raises(WorkFailed, match="1 seconds of a processor"):
        run(spin, ForkedWork(cpu_seconds=1))


def test_a_request_to_stop_ends_the_work_though_it_reports_nothing() -> None:
    calls = []

    def stop(fraction: float, message: str) -> None:
        calls.append(fraction)
        if len(calls) > 2:
            raise InterruptedError("asked to stop")

    with pytest.raises(InterruptedError):
        run(lambda progress: pause(300), progress=stop)
    assert no_child_is_left()


def test_a_signal_to_the_whole_group_is_left_to_the_parent() -> None:
    def asked(progress: Progress) -> str:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        return "goes its way"

    assert run(asked) == "goes its way", "the parent decides whether the work is ended, and a drain is not charged"


def test_there_is_no_network_where_the_system_lets_a_user_leave_it() -> None:
    libc = ctypes.CDLL(None)
    allowed = run(lambda progress: libc.unshare(0x10000000 | 0x40000000) == 0)
    if not allowed:
        pytest.skip(reason="this system does not let a user have a network of its own")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()

        def connect(progress: Progress) -> str:
            try:
                socket.create_connection(address, timeout=5).close()
            except OSError as error:
                return errno.errorcode[error.errno or 0]
            return "connected"

        assert connect(ignore) == "connected", "from here it is possible"
        assert run(connect) == "ENETUNREACH"


SCRIPT = """
import os, threading
from ml_training.execution.forked_work import ForkedWork
def work(progress):
    print(os.getpid(), flush=True)
    threading.Event().wait(300)
ForkedWork()(work, progress=lambda fraction, message: None)
"""


def started() -> tuple[subprocess.Popen[str], int]:
    """A process that has forked, and the id of its fork."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    with process.stdout as lines:
        return process, int(lines.readline())


def test_the_fork_ends_with_its_process() -> None:
    process, fork = started()
    process.kill()
    process.wait(30)
    eventually(lambda: not psutil.pid_exists(fork), what="the kernel ends the fork")


def test_a_fork_that_was_killed_takes_its_process_along_so_that_the_attempt_counts_as_lost() -> None:
    process, fork = started()
    os.kill(fork, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
