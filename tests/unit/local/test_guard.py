"""The guard: when a stack's parent is killed, its children do not stay."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ml_training.local.guard import Guard, end_sessions, listed
from tests.support.eventually import eventually

PARENT = """
import subprocess, sys
from ml_training.local.guard import Guard
guard = Guard()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
guard.started(child.pid)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_the_children_of_a_killed_parent_are_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="it is gone")


def test_a_child_that_ended_before_is_left_alone() -> None:
    assert listed(["+10\n", "+11\n", "-10\n", "+12\n"]) == [11, 12]
    assert listed(["+10\n", "-10\n", "-10\n"]) == []


def test_who_ignores_the_request_is_killed() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as deaf:
        assert deaf.stdout
        deaf.stdout.readline()
        end_sessions([deaf.pid], grace_seconds=0.2)
        assert deaf.wait(60) == -9


def test_it_holds_a_lock_until_it_has_tidied_up(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        guard = Guard(keep_open=(file.fileno(),))
    with (tmp_path / "lock").open("a") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        guard.close()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_stack_outlives_its_guard() -> None:
    guard = Guard()
    (process,) = [child for child in psutil.Process().children() if "ml_training.local.guard" in child.cmdline()]
    os.kill(process.pid, 9)
    eventually(lambda: process.status() == psutil.STATUS_ZOMBIE, what="the guard is gone")
    guard.started(1)
    guard.ended(1)
    guard.close()
