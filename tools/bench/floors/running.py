"""Starts the bare application and the bare scripts: the floors that the service is compared with."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from ml_training.local.ports import free_port
from tests.support.eventually import eventually
from tests.support.redis_server import start_redis
from tools.bench.figures import MeasurementError
from tools.bench.floors.bare_training import SOURCES, write_small_data
from tools.bench.http_client import Connection

ROOT = Path(__file__).parents[3]
STOP_SECONDS = 60.0
APP = "tools.bench.floors.bare_app"


class BareRun(NamedTuple):
    """One run of a bare script: wall seconds of the whole process, seconds without its imports, peak memory in MB."""

    wall: float
    without_imports: float
    peak_mb: float


class BareApp:
    """The running bare application."""

    def __init__(self, directory: Path, port: int, broker_url: str, processes: Mapping[str, psutil.Process]) -> None:
        self.directory = directory
        self.port = port
        self.broker_url = broker_url
        self._processes = processes

    def connect(self) -> Connection:
        """A new connection."""
        return Connection(self.port)

    def processes(self) -> list[psutil.Process]:
        """Everything that belongs to it."""
        return [each for root in self._processes.values() for each in (root, *root.children(recursive=True))]

    def stop_worker(self) -> None:
        """End the Celery worker, so that what is enqueued stays."""
        worker = self._processes["worker"]
        worker.terminate()
        with suppress(psutil.NoSuchProcess):
            worker.wait(60)

    def models(self) -> int:
        """How many models were saved."""
        return sum(1 for _ in os.scandir(self.directory / "models"))


@contextmanager
def bare_app(directory: Path, *, processes: int = 2, threads: int = 8) -> Iterator[BareApp]:
    """gunicorn with as many processes and threads as the service's API has, Celery with `processes`, and a Redis."""
    directory.mkdir(parents=True)
    write_small_data(directory)
    redis = start_redis(directory / "redis")
    port = free_port()
    gunicorn = ["gunicorn", "-k", "gthread", "-w", str(processes), "--threads", str(threads), "--keep-alive", "60"]
    celery = ["celery", "-A", f"{APP}:celery", "worker", "-c", str(processes), "-l", "warning"]
    started: dict[str, psutil.Process] = {"redis": psutil.Process(redis.process.pid)}
    with ExitStack() as stack:
        stack.callback(redis.stop)
        for name, command in {
            "api": [*gunicorn, "-b", f"127.0.0.1:{port}", f"{APP}:app"],
            "worker": [*celery, "--without-gossip", "--without-mingle"],
        }.items():
            process = _start(name, command, directory, redis.url)
            stack.callback(_end, process)
            started[name] = psutil.Process(process.pid)
        app = BareApp(directory, port, redis.url, started)
        eventually(lambda: app.connect().post("/jobs", {"params": {"learning_rate": 0.1}}), what="the app answers")
        eventually(lambda: app.models() == 1, what="the app's worker trains")
        yield app


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _start(name: str, command: list[str], directory: Path, broker_url: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "FLOOR_DIRECTORY": str(directory), "FLOOR_BROKER": broker_url}
    with (directory / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**environment, "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=log,
        )


def bare_sources() -> list[str]:
    """The ways to read the data whose libraries are installed."""
    return [source for source in SOURCES if source != "csv-polars" or importlib.util.find_spec("polars")]


def bare_run(algorithm: str, source: str, path: Path, *, threads: int) -> BareRun:
    """Train once in a fresh process; raises MeasurementError when it fails."""
    command = [sys.executable, "-m", "tools.bench.floors.bare_training", algorithm, source, str(threads), str(path)]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - started
    if done.returncode:
        raise MeasurementError(f"the bare script failed: {done.stderr[-2000:]}")
    stages = json.loads(done.stdout)
    return BareRun(wall, stages["read"] + stages["train"], stages["peak_mb"])
