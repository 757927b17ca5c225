"""Starts the service and a Prometheus that scrapes it, and yields both while the service works on jobs."""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.fleet import pool_children
from tests.support.stack_process import StackProcess, start_stack
from tools.observe.prometheus_server import Prometheus, running_prometheus
from tools.observe.workload import Workload

SETTINGS = {
    # Two slots on every machine: the same jobs run and wait. A short lease: a lost attempt is found soon.
    "ML_TRAINING_METRICS_PROJECTS": "default",
    "ML_TRAINING_WORKER_CONCURRENCY": "2",
    "ML_TRAINING_WORKER_THREADS": "1",
    "ML_TRAINING_LEASE_SECONDS": "10",
    "ML_TRAINING_LEASE_RENEW_SECONDS": "2",
}


@dataclass(frozen=True, slots=True)
class ObservedService:
    """A service that is working on jobs, and the Prometheus server that scrapes it."""

    prometheus: Prometheus
    exporter_url: str
    promtool: str
    preferred: Mapping[str, str]
    seconds: int


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of the two programs of Prometheus."""

    prometheus: str
    promtool: str


def find_programs() -> Programs | None:
    """Both programs from PATH, or None."""
    prometheus, promtool = shutil.which("prometheus"), shutil.which("promtool")
    return Programs(prometheus, promtool) if prometheus and promtool else None


@contextmanager
def observe_service(directory: Path, programs: Programs, *, seconds: float) -> Iterator[ObservedService]:
    """The service after `seconds` of work, still working; everything is stopped afterwards."""
    with start_stack(directory / "data", **SETTINGS) as stack:
        stack.wait_until_ready()
        api_url, exporter_url = stack.urls
        with (
            running_prometheus(programs.prometheus, directory / "prometheus", exporter_url) as prometheus,
            httpx.Client(base_url=api_url, timeout=90, trust_env=False) as http,
        ):
            workload = Workload(http, kill_children=lambda: kill_children(stack))
            workload.play(until=prometheus.started + seconds)
            preferred = {"job_id": str(workload.long_job), "model_id": str(workload.tested_model)}
            observed_seconds = int(time.time() - prometheus.started)
            yield ObservedService(prometheus, exporter_url, programs.promtool, preferred, observed_seconds)


def kill_children(stack: StackProcess) -> None:
    """Kill (SIGKILL) every child process of the worker that runs jobs."""
    for child in pool_children(stack.part("worker")):
        child.kill()
