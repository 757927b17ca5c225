"""`ml-training up` as a user starts it: real processes on free ports, watched from outside, ended with SIGTERM."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from ml_training.local.ports import free_port
from ml_training.local.runfile import read_run_file
from tests.support.eventually import PATIENCE, eventually

PROGRAM = Path(sys.executable).with_name("ml-training")
PARTS = {  # how each command line ends; a Redis server writes its own, which says where it listens
    "redis": r"-server 127\.0\.0\.1:\d+",
    "exporter": "-m exporter",
    "api": r"-m ml_training\.api",
    "worker": "-m workers",
    "maintenance": "-m workers maintenance",
}
READY = "Ctrl-C stops everything"


class UpStack:
    """A started `ml-training up`."""

    def __init__(self, process: subprocess.Popen[bytes], data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self._me = psutil.Process(process.pid)

    @property
    def output(self) -> str:
        """What it said so far."""
        return self.data_dir.with_suffix(".out").read_text(encoding="utf-8")

    @property
    def urls(self) -> tuple[str, str]:
        """Of the API and of the exporter."""
        info = read_run_file(self.data_dir / "run.json")
        assert info, self.output
        return f"{info.api_url}/api/v1", info.exporter_url

    def until_ready(self) -> None:
        """Wait until it says so."""
        eventually(lambda: self.ended() or READY in self.output, what="ready")
        assert not self.ended(), self.output

    def ended(self) -> bool:
        """Whether it has left."""
        return self.process.poll() is not None

    def part(self, name: str) -> psutil.Process:
        """The present process of one of PARTS."""
        (found,) = [
            child for child in self._me.children() if re.search(f"{PARTS[name]}$", " ".join(child.cmdline()).strip())
        ]
        return found

    def family(self) -> list[psutil.Process]:
        """Every process that it started."""
        return self._me.children(recursive=True)

    def signal_and_wait(self, number: signal.Signals) -> int:
        """Send a signal to it alone; its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def started(data_dir: Path, *arguments: str, **environment: str) -> Iterator[UpStack]:
    """Start `ml-training up` without a terminal; it need not be ready yet."""
    with data_dir.with_suffix(".out").open("wb") as output:
        process = subprocess.Popen(
            [str(PROGRAM), "up", *arguments],
            env={**os.environ, **own_places(data_dir), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield UpStack(process, data_dir)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def own_places(data_dir: Path) -> dict[str, str]:
    """The variables by which a stack gets in nobody's way."""
    return {
        "ML_TRAINING_DATA_DIR": str(data_dir),
        "ML_TRAINING_API_PORT": str(free_port()),
        "ML_TRAINING_EXPORTER_PORT": str(free_port()),
    }


def lives(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
