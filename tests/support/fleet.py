"""Real processes of the service for tests; each can be started, killed, suspended and stopped on its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ml_training.db import heartbeats
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.maintenance.verify import violations
from ml_training.services.resources import Resources, build_resources
from ml_training.settings import Settings
from tests.support.eventually import PATIENCE, eventually

SHORT_TIMES = {
    "lease_seconds": "3",
    "lease_renew_seconds": "0.5",
    "lease_poll_seconds": "0.1",
    "heartbeat_seconds": "0.5",
    "heartbeat_dead_seconds": "3",
    "worker_poll_seconds": "3600",  # what is tested is the permit; a test of the poll sets its own
    "relay_seconds": "0.2",
    "reap_seconds": "0.3",
    "fold_seconds": "0.5",
}


@dataclass(slots=True)
class Fleet:
    """Processes that share one database, one broker and one data directory."""

    directory: Path
    variables: Mapping[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    worker: str = "workers"  # the module to run as a worker

    def start(self, name: str, *command: str, **own: str) -> subprocess.Popen[bytes]:
        """Start `python -m command` as process `name`; its output goes to the file `name`.log. own: its variables."""
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env={**os.environ, **self.variables, **own},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def start_worker(self, name: str = "worker") -> subprocess.Popen[bytes]:
        """Start a worker and wait until a pool child is ready."""
        log = self.directory / f"{name}.log"
        size_before = log.stat().st_size if log.exists() else 0
        process = self.start(name, self.worker)
        eventually(lambda: b"child_ready" in log.read_bytes()[size_before:], what=f"{name} is ready")
        return process

    def children(self, name: str = "worker") -> list[psutil.Process]:
        """The pool children of a worker, which run the jobs."""
        return pool_children(psutil.Process(self.processes[name].pid))

    def fork_server(self, name: str = "worker") -> psutil.Process:
        """The fork server of a worker: its child that runs no code of `multiprocessing`."""
        worker = psutil.Process(self.processes[name].pid)
        (found,) = [child for child in worker.children() if "-c" not in child.cmdline()]
        return found

    def ready_children(self, name: str) -> int:
        """How many children of a worker have finished their start: only they can run a job."""
        log = self.log(name)
        return sum(bool(re.search(rf"child_ready .*pid={child.pid}\b", log)) for child in self.children(name))

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process and to everything that it started."""
        os.killpg(self.processes[name].pid, number)

    def kill(self, name: str) -> None:
        """Send SIGKILL to a process and to everything that it started."""
        self.signal(name, signal.SIGKILL)
        self.processes.pop(name).wait(60)

    def stop(self, name: str, *, within: float = PATIENCE) -> int:
        """Send SIGTERM to the process only and wait; returns the exit status."""
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(within)

    def end(self) -> None:
        """Kill all processes."""
        for name in list(self.processes):
            try:
                self.signal(name, signal.SIGKILL)
            except ProcessLookupError:
                continue
            self.processes[name].wait(60)

    def log(self, name: str) -> str:
        """The output of a process so far."""
        return (self.directory / f"{name}.log").read_text(encoding="utf-8", errors="replace")


def pool_children(worker: psutil.Process) -> list[psutil.Process]:
    """The children of a worker that run jobs: its fork server has forked them."""
    return [child for server in worker.children() for child in _children(server)]


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children()
    except psutil.Error:  # it has just ended
        return []


@dataclass(frozen=True, slots=True)
class RunningFleet:
    """A fleet with maintenance and a worker, and the resources to use it from a test."""

    fleet: Fleet
    resources: Resources
    settings: Settings

    def check(self) -> None:
        """Assert that no invariant is violated."""
        found = list(violations(self.resources.database, self.resources.storage, sweep_age_seconds=3600.0))
        assert found == []

    def wait_for_slots(self, slots: int) -> None:
        """Wait until the database counts this number of live slots, and each has a child that is ready for a job."""

        def counted() -> bool:
            with self.resources.database.read() as connection:
                return heartbeats.count_slots(connection, within_seconds=3.0) == slots

        def ready() -> bool:
            workers = [name for name in self.fleet.processes if name != "maintenance"]
            return sum(self.fleet.ready_children(name) for name in workers) == slots

        eventually(counted, what=f"{slots} slots live")
        eventually(ready, what=f"{slots} children are ready")


@contextmanager
def running_fleet(
    directory: Path,
    *,
    database_url: str,
    broker_url: str,
    worker_concurrency: int = 1,
    worker: str = "workers",
    **more: str,
) -> Iterator[RunningFleet]:
    """Start maintenance and one worker with short times; all processes are killed at the end of the context."""
    values = {
        "database_url": database_url,
        "broker_url": broker_url,
        "data_dir": str(directory / "data"),
        "worker_concurrency": str(worker_concurrency),
        "worker_threads": "1",
        **SHORT_TIMES,
        **more,
    }
    fleet = Fleet(directory, {f"ML_TRAINING_{name.upper()}": value for name, value in values.items()}, worker=worker)
    settings = Settings.model_validate(values)
    resources = build_resources(settings).of(DEFAULT_PROJECT_ID)
    try:
        fleet.start("maintenance", "workers", "maintenance")
        fleet.start_worker()
        yield RunningFleet(fleet, resources, settings)
    finally:
        fleet.end()
        resources.close()
