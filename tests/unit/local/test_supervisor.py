"""Supervision of real child processes: restart with a growing pause, ordered end, nothing left behind."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ml_training.local.child_process import Service
from ml_training.local.log_file import LogFile
from ml_training.local.orphan_guard import Guard
from ml_training.local.supervisor import Member, Supervisor
from tests.support.eventually import eventually

SLEEP = "import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); {SLEEP}"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); print('born'); {SLEEP}"


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Scene:
    """A supervisor with everything that it said."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Clock()
        self.said: list[tuple[str, str]] = []
        self.guard = Guard()
        self.supervisor = Supervisor(
            guard=self.guard, say=lambda name, what: self.said.append((name, what)), clock=self.clock
        )

    def start(self, name: str, code: str = SLEEP, *, stop_seconds: float = 10.0) -> Member:
        command = (sys.executable, "-c", code)
        log = LogFile(self.directory / f"{name}.log")
        return self.supervisor.start(Service(name, command, lambda _pid: True, log, stop_seconds=stop_seconds))

    def kill(self, member: Member) -> None:
        assert member.pid
        psutil.Process(member.pid).kill()
        eventually(lambda: self.tick() and member.child is None, what="the death is noticed")

    def tick(self) -> bool:
        self.supervisor.tick()
        return True


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.supervisor.stop(())
    scene.guard.close()


def test_what_dies_is_started_again_after_a_pause_that_doubles_up_to_thirty_seconds(scene: Scene) -> None:
    member = scene.start("worker")
    for pause in (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0):
        scene.kill(member)
        assert f"ended by signal 9; starting again in {pause:g} s" in scene.said[-1][1]
        scene.clock.now += pause - 0.01
        scene.tick()
        assert member.child is None
        scene.clock.now += 0.02
        scene.tick()
        assert member.child is not None


def test_a_minute_of_life_forgives_earlier_deaths(scene: Scene) -> None:
    member = scene.start("worker")
    scene.kill(member)
    scene.clock.now += 1.0
    scene.tick()
    scene.clock.now += 60.0
    scene.kill(member)
    assert "starting again in 1 s" in scene.said[-1][1]


def test_a_program_that_is_not_there_is_tried_again_and_said(scene: Scene) -> None:
    log = LogFile(scene.directory / "gone.log")
    member = scene.supervisor.start(Service("gone", ("/nowhere/at-all",), lambda _pid: True, log))
    assert member.child is None
    assert "could not be started" in scene.said[-1][1]
    assert not scene.supervisor.all_ready()


def test_ready_is_asked_again_after_each_restart(scene: Scene) -> None:
    member = scene.start("api")
    scene.tick()
    assert scene.supervisor.all_ready()
    scene.kill(member)
    assert scene.supervisor.unready() == [member]
    scene.clock.now += 1.0
    scene.tick()
    scene.tick()
    assert scene.supervisor.all_ready()


def test_the_end_comes_in_the_given_order(scene: Scene) -> None:
    for name in ("redis", "exporter", "api", "worker"):
        scene.start(name)
    scene.supervisor.stop(("api", "worker", "exporter", "redis"))
    assert [name for name, what in scene.said if what == "stopped"] == ["api", "worker", "exporter", "redis"]


def test_what_does_not_stop_in_time_is_killed_and_said(scene: Scene) -> None:
    member = scene.start("deaf", STUBBORN, stop_seconds=0.3)
    eventually(lambda: "deaf" in member.service.log.tail(), what="it ignores SIGTERM")
    process = psutil.Process(member.pid)
    scene.supervisor.stop(())
    assert scene.said[-1] == ("deaf", "killed: it did not stop in time")
    assert not process.is_running()


def test_a_second_ctrl_c_does_not_wait_for_the_stubborn(scene: Scene) -> None:
    member = scene.start("deaf", STUBBORN, stop_seconds=600.0)
    eventually(lambda: "deaf" in member.service.log.tail(), what="it ignores SIGTERM")
    scene.supervisor.stop((), hurry=lambda: True)
    assert scene.said[-1] == ("deaf", "killed: it did not stop in time")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_grandchild_outlives_its_parent(scene: Scene, number: signal.Signals) -> None:
    member = scene.start("pool", PARENT)
    eventually(lambda: "born" in member.service.log.tail(), what="it has a child of its own")
    assert member.pid
    (grandchild,) = psutil.Process(member.pid).children()
    if number is signal.SIGKILL:
        scene.kill(member)
    else:
        scene.supervisor.stop(())
    eventually(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, what="it is gone")
