"""Supervision of real child processes: restarts with growing delays, ordered stop, no process left over."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ml_training.local.child_process import ProcessSpec
from ml_training.local.log_file import LogFile
from ml_training.local.orphan_guard import OrphanGuard
from ml_training.local.supervisor import SupervisedProcess, Supervisor
from tests.support.eventually import eventually

SLEEP = "import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ignoring'); {SLEEP}"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); print('started'); {SLEEP}"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class SupervisorUnderTest:
    """A supervisor with a manual clock, and its reports."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Clock()
        self.reports: list[tuple[str, str]] = []
        self.guard = OrphanGuard()
        self.supervisor = Supervisor(
            guard=self.guard, report=lambda name, what: self.reports.append((name, what)), clock=self.clock
        )

    def start(self, name: str, code: str = SLEEP, *, stop_seconds: float = 10.0) -> SupervisedProcess:
        command = (sys.executable, "-c", code)
        log = LogFile(self.directory / f"{name}.log")
        return self.supervisor.start(ProcessSpec(name, command, lambda _pid: True, log, stop_seconds=stop_seconds))

    def kill(self, process: SupervisedProcess) -> None:
        assert process.pid
        psutil.Process(process.pid).kill()
        eventually(lambda: self.tick() and process.child is None, what="the exit is noticed")

    def tick(self) -> bool:
        self.supervisor.tick()
        return True


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[SupervisorUnderTest]:
    supervised = SupervisorUnderTest(tmp_path)
    yield supervised
    supervised.supervisor.stop(())
    supervised.guard.close()


def test_a_killed_process_restarts_after_a_delay_that_doubles_up_to_thirty_seconds(
    supervised: SupervisorUnderTest,
) -> None:
    process = supervised.start("worker")
    for delay in (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0):
        supervised.kill(process)
        assert f"ended by signal 9; starting again in {delay:g} s" in supervised.reports[-1][1]
        supervised.clock.now += delay - 0.01
        supervised.tick()
        assert process.child is None
        supervised.clock.now += 0.02
        supervised.tick()
        assert process.child is not None


def test_after_a_minute_the_delay_starts_again_at_one_second(supervised: SupervisorUnderTest) -> None:
    process = supervised.start("worker")
    supervised.kill(process)
    supervised.clock.now += 1.0
    supervised.tick()
    supervised.clock.now += 60.0
    supervised.kill(process)
    assert "starting again in 1 s" in supervised.reports[-1][1]


def test_a_missing_program_is_reported_and_not_ready(supervised: SupervisorUnderTest) -> None:
    log = LogFile(supervised.directory / "gone.log")
    process = supervised.supervisor.start(ProcessSpec("gone", ("/nowhere/at-all",), lambda _pid: True, log))
    assert process.child is None
    assert "could not be started" in supervised.reports[-1][1]
    assert not supervised.supervisor.all_ready()


def test_readiness_is_checked_again_after_each_restart(supervised: SupervisorUnderTest) -> None:
    process = supervised.start("api")
    supervised.tick()
    assert supervised.supervisor.all_ready()
    supervised.kill(process)
    assert supervised.supervisor.unready() == [process]
    supervised.clock.now += 1.0
    supervised.tick()
    supervised.tick()
    assert supervised.supervisor.all_ready()


def test_processes_stop_in_the_given_order(supervised: SupervisorUnderTest) -> None:
    for name in ("redis", "exporter", "api", "worker"):
        supervised.start(name)
    supervised.supervisor.stop(("api", "worker", "exporter", "redis"))
    assert [name for name, what in supervised.reports if what == "stopped"] == ["api", "worker", "exporter", "redis"]


def test_a_process_that_does_not_stop_in_time_is_killed_and_reported(supervised: SupervisorUnderTest) -> None:
    process = supervised.start("stubborn", STUBBORN, stop_seconds=0.3)
    eventually(lambda: "ignoring" in process.spec.log.tail(), what="it ignores SIGTERM")
    system_process = psutil.Process(process.pid)
    supervised.supervisor.stop(())
    assert supervised.reports[-1] == ("stubborn", "killed: it did not stop in time")
    assert not system_process.is_running()


def test_a_forced_stop_does_not_wait(supervised: SupervisorUnderTest) -> None:
    process = supervised.start("stubborn", STUBBORN, stop_seconds=600.0)
    eventually(lambda: "ignoring" in process.spec.log.tail(), what="it ignores SIGTERM")
    supervised.supervisor.stop((), force=lambda: True)
    assert supervised.reports[-1] == ("stubborn", "killed: it did not stop in time")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_grandchild_is_killed_with_its_parent(supervised: SupervisorUnderTest, number: signal.Signals) -> None:
    process = supervised.start("pool", PARENT)
    eventually(lambda: "started" in process.spec.log.tail(), what="it has a child of its own")
    assert process.pid
    (grandchild,) = psutil.Process(process.pid).children()
    if number is signal.SIGKILL:
        supervised.kill(process)
    else:
        supervised.supervisor.stop(())
    eventually(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, what="it is gone")
