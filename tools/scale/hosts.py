"""The hosts of workers: a worker each, which shares nothing with the others but what it reaches over its cable."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.eventually import eventually
from tools.scale.network import Network

DISK_BYTES = 1 << 30
# A name and a file system of its own, then the worker. The mount is in the host's own mount namespace.
ON_HOST = 'hostname "$1" && mount -t tmpfs -o "mode=700,size=$2" tmpfs "$3" && shift 3 && exec "$@"'
READY = b"child_ready"
DEATH_SECONDS = 30.0


@dataclass
class Host:
    """One host with its worker."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_ready(self) -> bool:
        """Whether a child of its worker can take a job."""
        return READY in self.log.read_bytes()


@dataclass
class Hosts:
    """All hosts that run workers; `data_dir` is a path that each of them has a file system of its own at."""

    network: Network
    directory: Path
    data_dir: Path
    variables: Mapping[str, str]
    running: dict[str, Host] = field(default_factory=dict)
    joined: int = 0

    def join(self) -> Host:
        """A new host joins, and starts its worker."""
        self.joined += 1
        name = f"host-{self.joined}"
        self.network.add(name)
        log = self.directory / f"{name}.log"
        command = ("unshare", "--mount", "--uts", "sh", "-c", ON_HOST, "sh", name, str(DISK_BYTES), str(self.data_dir))
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*self.network.inside(name), *command, sys.executable, "-m", "workers"],
                env={**os.environ, **self.variables},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self.running[name] = Host(name, process, log)
        return self.running[name]

    def die(self, name: str) -> None:
        """SIGKILL to everything on the host, cable and all: it says goodbye to nobody."""
        host = self.running.pop(name)
        # First the cable: a dying process would still send the ends of its connections.
        self.network.pull(name)
        self._kill(host)
        self.network.remove(name)

    def leave(self, name: str, *, grace: float) -> float | None:
        """SIGTERM to the worker, SIGKILL after `grace` seconds; the seconds until its end, None if it was killed."""
        host, started = self.running.pop(name), time.monotonic()
        host.process.terminate()
        try:
            host.process.wait(grace)
        except subprocess.TimeoutExpired:
            self._kill(host)
            self.network.remove(name)
            return None
        seconds = time.monotonic() - started
        self._kill(host)
        self.network.remove(name)
        return seconds

    def revive(self) -> list[str]:
        """Start again what has ended by itself, on new hosts; returns what ended."""
        ended = [host for host in self.running.values() if host.process.poll() is not None]
        for host in ended:
            self.die(host.name)
            self.join()
        return [f"{host.name} left with status {host.process.returncode}" for host in ended]

    def end(self) -> None:
        """All hosts die."""
        for name in list(self.running):
            self.die(name)

    def _kill(self, host: Host) -> None:
        def all_gone() -> bool:
            left = self.network.processes(host.name)
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            return not left

        eventually(all_gone, within=DEATH_SECONDS, what=f"nothing runs on {host.name}")
        host.process.wait(DEATH_SECONDS)
