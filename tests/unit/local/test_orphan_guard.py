"""The guard: when the parent of a stack is killed, its children are ended."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ml_training.local.orphan_guard import OrphanGuard, running_pids, terminate_sessions
from tests.support.eventually import eventually

PARENT = """
import subprocess, sys
from ml_training.local.orphan_guard import OrphanGuard
guard = OrphanGuard()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
guard.child_started(child.pid)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_the_children_of_a_killed_parent_are_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="it is gone")


def test_a_child_that_ended_is_no_longer_listed() -> None:
    assert running_pids(["+10\n", "+11\n", "-10\n", "+12\n"]) == [11, 12]
    assert running_pids(["+10\n", "-10\n", "-10\n"]) == []


def test_a_child_that_ignores_sigterm_is_killed() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout
        child.stdout.readline()
        terminate_sessions([child.pid], grace_seconds=0.2)
        assert child.wait(60) == -9


def test_the_guard_holds_a_lock_until_it_has_ended_the_children(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        guard = OrphanGuard(keep_open=(file.fileno(),))
    with (tmp_path / "lock").open("a") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        guard.close()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_stack_keeps_running_when_its_guard_is_killed() -> None:
    guard = OrphanGuard()
    (process,) = [child for child in psutil.Process().children() if "ml_training.local.orphan_guard" in child.cmdline()]
    os.kill(process.pid, 9)
    eventually(lambda: process.status() == psutil.STATUS_ZOMBIE, what="the guard is gone")
    guard.child_started(1)
    guard.child_ended(1)
    guard.close()
