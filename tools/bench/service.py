"""The service under measurement: `ml-training up` of any checkout on free ports, used over HTTP only."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.eventually import eventually
from tests.support.stack_process import PARTS, READY, own_settings
from tools.bench.figures import MeasurementError
from tools.bench.http_client import Connection

ROOT = Path(__file__).parents[2]
PREFIX = "/api/v1"
WAIT_SECONDS = 30
STOP_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Checkout:
    """A folder with the code of the service and its environment in `.venv`; the default is this one."""

    directory: Path = ROOT

    @property
    def python(self) -> str:
        """Its interpreter; raises SystemExit when it has none."""
        if self.directory == ROOT:
            return sys.executable
        path = self.directory / ".venv" / "bin" / "python"
        if not path.exists():
            raise SystemExit(f"{path} is missing: run `make .venv/.dev` in that checkout first")
        return str(path)

    @property
    def program(self) -> str:
        """Its command line program."""
        return str(Path(self.python).with_name("ml-training"))


class Service:
    """A running stack; `started_seconds` is the time from the start of `up` until it said that it is ready."""

    def __init__(
        self, process: subprocess.Popen[bytes], port: int, *, database_url: str, started_seconds: float
    ) -> None:
        self.port = port
        self.database_url = database_url
        self.started_seconds = started_seconds
        self._up = psutil.Process(process.pid)

    def connect(self) -> Connection:
        """A new connection to the API; paths begin after /api/v1."""
        return Connection(self.port, prefix=PREFIX)

    def processes(self) -> list[psutil.Process]:
        """`up` and every process below it."""
        return [self._up, *self._up.children(recursive=True)]

    def part(self, name: str) -> list[psutil.Process]:
        """The processes of one part (`api`, `worker`, `maintenance`, `exporter`): its first one and all below it."""
        found = []
        for child in self._up.children():
            if re.search(f"{PARTS[name]}$", " ".join(child.cmdline()).strip()):
                found += [child, *child.children(recursive=True)]
        assert found, f"no process of the part {name} runs"
        return found

    def freeze(self, *names: str) -> None:
        """Stop (SIGSTOP) all processes of these parts, so that they neither work nor cost."""
        for process in (process for name in names for process in self.part(name)):
            process.send_signal(signal.SIGSTOP)


@contextmanager
def running_service(checkout: Checkout, directory: Path, **settings: object) -> Iterator[Service]:
    """`ml-training up` in a new directory with these settings (without their prefix); stopped afterwards."""
    directory.mkdir(parents=True)
    output_path = directory / "up.log"
    own = own_settings(directory / "data")
    variables = {f"ML_TRAINING_{name.upper()}": str(value) for name, value in settings.items()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ML_TRAINING_")}
    started = time.perf_counter()
    with output_path.open("wb") as output:
        process = subprocess.Popen(
            [checkout.program, "up"],
            env={**kept, **own, **variables},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        eventually(
            lambda: process.poll() is not None or READY in output_path.read_text(encoding="utf-8"),
            every=0.01,
            what="the service is ready",
        )
        took = time.perf_counter() - started
        assert process.poll() is None, output_path.read_text(encoding="utf-8")
        url = str(settings.get("database_url") or f"sqlite:///{directory / 'data' / 'ml_training.db'}")
        yield Service(process, int(own["ML_TRAINING_API_PORT"]), database_url=url, started_seconds=took)
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    try:
        below = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        below = []
    for child in below:
        _continue(child)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _continue(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGCONT)
    except psutil.NoSuchProcess:
        return


def sample_dataset(http: Connection) -> int:
    """The id of the data set breast_cancer (569 x 30), READY."""
    dataset = http.post(f"/datasets?wait={WAIT_SECONDS}", {"name": "breast_cancer", "sample": "breast_cancer"})
    return _ready(http, dataset)


def upload_dataset(service: Service, path: Path) -> int:
    """Upload a file and wait until it is READY; its id."""
    with path.open("rb") as file, httpx.Client(timeout=600, trust_env=False) as client:
        answer = client.post(
            f"http://127.0.0.1:{service.port}{PREFIX}/datasets", data={"name": path.stem}, files={"file": file}
        )
    return _ready(service.connect(), answer.raise_for_status().json())


def _ready(http: Connection, dataset: dict[str, Any]) -> int:
    while dataset["status"] == "PROCESSING":
        dataset = http.get(f"/datasets/{dataset['id']}?wait={WAIT_SECONDS}")
    if dataset["status"] != "READY":
        raise MeasurementError(f"data set {dataset['name']} is {dataset['status']}: {dataset}")
    return int(dataset["id"])


def train_spec(dataset_id: int, *, model_type: str = "lightgbm", **params: object) -> dict[str, Any]:
    """A TRAIN job with the default split (80/20) on the column `target`."""
    return {
        "job_type": "TRAIN",
        "model_name": "bench",
        "model_type": model_type,
        "dataset_id": dataset_id,
        "target": {"column": "target"},
        "params": params,
    }


def wait_until_completed(http: Connection, job_id: int) -> dict[str, Any]:
    """Wait for the end of a job; raises MeasurementError unless it is COMPLETED."""
    while True:
        job: dict[str, Any] = http.get(f"/jobs/{job_id}?wait={WAIT_SECONDS}")
        if job["status"] not in ("PENDING", "RUNNING"):
            break
    if job["status"] != "COMPLETED":
        raise MeasurementError(f"job {job_id} is {job['status']}: {job['error']}")
    return job


def train(http: Connection, spec: dict[str, Any]) -> float:
    """Seconds from the POST of a job to the answer that it is COMPLETED."""
    started = time.perf_counter()
    job = http.post("/jobs", spec)
    wait_until_completed(http, job["id"])
    return time.perf_counter() - started
