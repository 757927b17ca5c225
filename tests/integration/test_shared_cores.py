"""The cores of a host are shared by the processes that run a job, and given back by those that end or are killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ml_training.process import shared_cores
from ml_training.process.shared_cores import SharedCores
from tests.support.eventually import eventually

CORES = 7
NEIGHBOUR = """
import sys
from pathlib import Path
from ml_training.process.shared_cores import SharedCores
with SharedCores(Path(sys.argv[1]), cores=7, most=7, alone=1).running():
    print("running", flush=True)
    sys.stdin.readline()
"""


class Neighbours:
    """Other processes that run a job each."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory = directory
        self._stack = stack

    def start(self) -> "subprocess.Popen[str]":
        """Start one; its job runs when this returns, until it is sent a line."""
        command = [sys.executable, "-c", NEIGHBOUR, str(self._directory)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        return process


@pytest.fixture
def neighbours(tmp_path: Path) -> Iterator[Neighbours]:
    """None yet."""
    with ExitStack() as stack:
        yield Neighbours(tmp_path, stack)


def is_granted(cores: SharedCores, threads: int) -> None:
    """Wait until the share is this one."""
    eventually(lambda: cores.granted() == threads)


def test_a_lone_job_has_every_core_and_gives_its_neighbours_their_share(tmp_path: Path, neighbours: Neighbours) -> None:
    cores = SharedCores(tmp_path, cores=CORES, most=CORES, alone=1)
    with cores.running():
        assert cores.granted() == CORES
        first = neighbours.start()
        eventually(lambda: cores.granted() in (3, 4))  # the one with the lower byte has one more
        second = neighbours.start()
        eventually(lambda: cores.granted() in (2, 3))
        second.kill()  # the kernel gives its cores back, nobody else has to
        eventually(lambda: cores.granted() in (3, 4))
        first.communicate("end\n")
        is_granted(cores, CORES)


def test_the_shares_are_all_cores_together(tmp_path: Path, neighbours: Neighbours) -> None:
    neighbours.start()
    neighbours.start()
    mine = SharedCores(tmp_path, cores=CORES, most=CORES, alone=1)
    granted = set()
    for _ in range(200):  # each time with another byte
        with mine.running():
            granted.add(mine.granted())
    assert granted == {2, 3}  # 7 = 3 + 2 + 2


def test_with_more_jobs_than_cores_each_has_one_thread(tmp_path: Path, neighbours: Neighbours) -> None:
    for _ in range(3):
        neighbours.start()
    cores = SharedCores(tmp_path, cores=2, most=2, alone=2)
    with cores.running():
        assert cores.granted() == 1


def test_the_limit_of_threads_holds_for_a_lone_job_too(tmp_path: Path) -> None:
    cores = SharedCores(tmp_path, cores=CORES, most=2, alone=1)
    with cores.running():
        assert cores.granted() == 2


def test_a_job_that_has_ended_leaves_its_cores(tmp_path: Path, neighbours: Neighbours) -> None:
    neighbours.start().communicate("end\n")
    cores = SharedCores(tmp_path, cores=CORES, most=CORES, alone=1)
    with cores.running():
        assert cores.granted() == CORES


def test_jobs_of_another_host_do_not_count(
    tmp_path: Path, neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    neighbours.start()
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("another host")
    monkeypatch.setattr(shared_cores, "BOOT_ID", boot_id)
    cores = SharedCores(tmp_path, cores=CORES, most=CORES, alone=1)
    with cores.running():
        assert cores.granted() == CORES


def test_without_a_file_a_job_has_the_share_of_its_slot(tmp_path: Path) -> None:
    cores = SharedCores(tmp_path / "not there", cores=CORES, most=CORES, alone=2)
    with cores.running():
        assert cores.granted() == 2
