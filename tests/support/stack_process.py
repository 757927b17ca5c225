"""`ml-training up` for tests, as a user starts it: real processes on free ports, stopped with SIGTERM."""

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
from ml_training.local.run_file import read_run_file
from tests.support.eventually import PATIENCE, eventually

PROGRAM = Path(sys.executable).with_name("ml-training")
PARTS = {  # each command line once it is ready: Redis, gunicorn and Celery rewrite their own
    "redis": r"-server 127\.0\.0\.1:\d+",
    "exporter": "-m exporter",
    "api": r"gunicorn: master \[ml_training\.api\]",
    "worker": r"\[celeryd: worker-\d+@.*:MainProcess\].*",
    "maintenance": "-m workers maintenance",
}
READY = "Ctrl-C stops everything"


class StackProcess:
    """A started `ml-training up`."""

    def __init__(self, process: subprocess.Popen[bytes], data_dir: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self._parent = psutil.Process(process.pid)

    @property
    def output(self) -> str:
        """Its output so far."""
        return self.data_dir.with_suffix(".out").read_text(encoding="utf-8")

    @property
    def urls(self) -> tuple[str, str]:
        """The URLs of the API and of the exporter."""
        info = read_run_file(self.data_dir / "run.json")
        assert info, self.output
        return f"{info.api_url}/api/v1", info.exporter_url

    def wait_until_ready(self) -> None:
        """Wait until it reports that it is ready."""
        eventually(lambda: self.exited() or READY in self.output, what="ready")
        assert not self.exited(), self.output

    def exited(self) -> bool:
        """Whether it has exited."""
        return self.process.poll() is not None

    def part(self, name: str) -> psutil.Process:
        """The current process of one of PARTS."""
        (found,) = [
            child
            for child in self._parent.children()
            if re.search(f"{PARTS[name]}$", " ".join(child.cmdline()).strip())
        ]
        return found

    def descendants(self) -> list[psutil.Process]:
        """Every process below it."""
        return self._parent.children(recursive=True)

    def signal_and_wait(self, number: signal.Signals) -> int:
        """Send a signal to this process only and wait; returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def start_stack(data_dir: Path, *arguments: str, **environment: str) -> Iterator[StackProcess]:
    """Start `ml-training up` without a terminal; does not wait until it is ready."""
    with data_dir.with_suffix(".out").open("wb") as output:
        process = subprocess.Popen(
            [str(PROGRAM), "up", *arguments],
            env={**os.environ, **own_settings(data_dir), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield StackProcess(process, data_dir)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def own_settings(data_dir: Path) -> dict[str, str]:
    """Variables that keep a stack apart from all others: its own data directory and free ports."""
    return {
        "ML_TRAINING_DATA_DIR": str(data_dir),
        "ML_TRAINING_API_PORT": str(free_port()),
        "ML_TRAINING_EXPORTER_PORT": str(free_port()),
    }


def is_alive(process: psutil.Process) -> bool:
    """Whether the process still runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
