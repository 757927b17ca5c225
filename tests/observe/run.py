"""Starts the service and a Prometheus over it, plays the mix, and hands over in the middle of its work."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.observe.checks import Run
from tests.observe.mix import Mix
from tests.observe.prometheus import running_prometheus
from tests.support.stack_process import StackProcess, start_stack

SETTINGS = {
    # Two slots on every machine, so that the same jobs run and wait; a lost attempt is found within a short run.
    "ML_TRAINING_WORKER_CONCURRENCY": "2", "ML_TRAINING_WORKER_THREADS": "1",
    "ML_TRAINING_LEASE_SECONDS": "10", "ML_TRAINING_LEASE_RENEW_SECONDS": "2",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Programs:
    """Where Prometheus' two programs stand."""

    prometheus: str
    promtool: str


def find_programs() -> Programs | None:
    """Both programs of PATH, or None."""
    prometheus, promtool = shutil.which("prometheus"), shutil.which("promtool")
    return Programs(prometheus, promtool) if prometheus and promtool else None


@contextmanager
def observed(directory: Path, programs: Programs, *, seconds: float) -> Iterator[Run]:
    """The service after `seconds` of work, still working; everything is ended afterwards."""
    with start_stack(directory / "data", **SETTINGS) as stack:
        stack.wait_until_ready()
        api_url, exporter_url = stack.urls
        with (
            running_prometheus(programs.prometheus, directory / "prometheus", exporter_url) as prometheus,
            httpx.Client(base_url=api_url, timeout=90, trust_env=False) as http,
        ):
            mix = Mix(http, kill_children=lambda: kill_children(stack))
            mix.play(until=prometheus.started + seconds)
            preferred = {"job_id": str(mix.long_job), "model_id": str(mix.tested_model)}
            took = int(time.time() - prometheus.started)
            yield Run(prometheus, exporter_url, programs.promtool, preferred, took)


def kill_children(stack: StackProcess) -> None:
    """kill -9 for every process of the worker that trains."""
    for child in stack.part("worker").children(recursive=True):
        if "spawn_main" in " ".join(child.cmdline()):
            child.kill()
