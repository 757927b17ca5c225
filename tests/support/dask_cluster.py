"""A Dask cluster of real processes: a scheduler and workers, each under a nanny; all can be killed and frozen."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ml_training.cluster.part_process import MODULE
from tests.support.eventually import eventually

SCHEDULER = "scheduler"


@dataclass(slots=True)
class DaskProcesses:
    """The processes of a cluster by their names; output goes to the file `name`.log."""

    directory: Path
    variables: Mapping[str, str]
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return f"tcp://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        """Start it and wait until it listens."""
        self._start(SCHEDULER, "dask_scheduler", "--host", "127.0.0.1", "--port", str(self.port))
        eventually(lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() is None, what="a scheduler")

    def start_worker(self, name: str, *, threads: int = 1, memory: str = "0") -> None:
        """Start a worker and wait until it belongs to the cluster; memory: its limit, 0 for none."""
        log = self.directory / f"{name}.log"
        before = log.read_text().count("Registered to") if log.exists() else 0
        options = ["--host", "127.0.0.1", "--nworkers", "1", "--nthreads", str(threads), "--memory-limit", memory]
        place = ["--local-directory", str(self.directory / name), "--name", name]
        self._start(name, "dask_worker", self.address, *options, *place)
        eventually(lambda: log.read_text().count("Registered to") > before, what=f"{name} in the cluster")

    def worker(self, name: str) -> psutil.Process:
        """The worker of a nanny: the process that runs the tasks."""

        def found() -> psutil.Process | None:
            children = psutil.Process(self.processes[name].pid).children()
            lines = {child: " ".join(child.cmdline()) for child in children}
            # Dask gives the process a title where setproctitle is installed.
            workers = [child for child, line in lines.items() if "spawn_main" in line or line.startswith("dask worker")]
            return workers[0] if workers else None

        worker = eventually(found, what=f"the worker of {name}")
        assert worker is not None
        return worker

    def parts(self) -> list[psutil.Process]:
        """Every process on this machine that fits a part of this cluster; those that lost their parent too."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if (
                    process.status() != psutil.STATUS_ZOMBIE
                    and MODULE in process.cmdline()
                    and process.environ().get("OF_CLUSTER") == self.address
                ):
                    found.append(process)
        return found

    def kill(self, name: str) -> None:
        """Kill a process and its children."""
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes.pop(name).wait(60)

    def end(self) -> None:
        """Kill everything."""
        for process in self.parts():
            with suppress(psutil.Error):
                process.kill()
        for name in list(self.processes):
            with suppress(ProcessLookupError):
                self.kill(name)

    def _start(self, name: str, module: str, *arguments: str) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *arguments, "--no-dashboard"],
                env={**os.environ, **self.variables, "OF_CLUSTER": self.address},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


@contextmanager
def dask_cluster(directory: Path, *, data_dir: Path, workers: int = 2, **more: str) -> Iterator[DaskProcesses]:
    """A scheduler and workers named w1, w2, ...; data_dir: of the service."""
    directory.mkdir(parents=True, exist_ok=True)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    variables = {
        "ML_TRAINING_DATA_DIR": str(data_dir),
        **{f"ML_TRAINING_{name.upper()}": text for name, text in more.items()},
    }
    cluster = DaskProcesses(directory, variables, port)
    try:
        cluster.start_scheduler()
        for number in range(1, workers + 1):
            cluster.start_worker(f"w{number}")
        yield cluster
    finally:
        cluster.end()
