"""Writers of one SQLite file take turns over all processes; a process that is killed or frozen stops nobody."""

import errno
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import pytest

from ml_training.db import write_lock
from ml_training.db.write_lock import WriteLock

SPAWN = multiprocessing.get_context("spawn")
PATIENCE = 0.5


def hold(path: str, pipe: Pipe) -> None:
    """A process that has the turn until it is told to give it back, or is killed."""
    with WriteLock(Path(path), patience=60.0).turn():
        pipe.send("has it")
        pipe.recv()
    pipe.send("gave it back")
    pipe.recv()


class Holder:
    """Another process that has the turn."""

    def __init__(self, path: Path) -> None:
        self.pipe, other = SPAWN.Pipe()
        self.process = SPAWN.Process(target=hold, args=(str(path), other), daemon=True)
        self.process.start()
        assert self.pipe.poll(60)
        assert self.pipe.recv() == "has it"

    def signal(self, number: int) -> None:
        """Kill, freeze or continue it."""
        os.kill(int(self.process.pid or 0), number)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The lock file."""
    return tmp_path / "jobs.db-writers"


@pytest.fixture
def holder(path: Path) -> Iterator[Holder]:
    """Another process that has the turn."""
    holder = Holder(path)
    yield holder
    holder.process.kill()
    holder.process.join()


def waiting(lock: WriteLock) -> tuple[threading.Thread, threading.Event]:
    """A thread that waits for the turn, and the event that it has it."""
    got = threading.Event()

    def take() -> None:
        with lock.turn():
            got.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    return thread, got


def test_one_writer_at_a_time_and_the_next_one_is_woken(path: Path, holder: Holder) -> None:
    _, got = waiting(WriteLock(path, patience=60.0))
    assert not got.wait(PATIENCE), "another process has the turn"
    holder.pipe.send("give it back")
    assert got.wait(60)


def test_a_killed_process_gives_its_turn_back(path: Path, holder: Holder) -> None:
    _, got = waiting(WriteLock(path, patience=60.0))
    holder.signal(signal.SIGKILL)
    assert got.wait(60)


def test_nobody_waits_for_ever_for_a_frozen_process_and_afterwards_there_are_turns_again(
    path: Path, holder: Holder
) -> None:
    lock = WriteLock(path, patience=PATIENCE)
    holder.signal(signal.SIGSTOP)
    for _ in range(3):
        with lock.turn():  # without the turn: SQLite's own lock decides
            pass
    holder.signal(signal.SIGCONT)
    holder.pipe.send("give it back")
    assert holder.pipe.poll(60)
    patient = WriteLock(path, patience=60.0)
    with patient.turn():
        _, got = waiting(patient)
        assert not got.wait(0.1)
    assert got.wait(60), "threads of one process take turns too"


def test_without_a_lock_file_writing_goes_on(tmp_path: Path) -> None:
    with WriteLock(tmp_path / "no directory" / "x", patience=60.0).turn():
        assert not (tmp_path / "no directory").exists()


def test_without_locks_in_the_file_system_writing_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(write_lock.fcntl, "flock", refuse)
    wrote = []
    for _ in range(2):
        with WriteLock(path, patience=60.0).turn():
            wrote.append(True)
    assert wrote == [True, True]
