"""One run: starts API and exporter, sends mutated requests to both, and looks at answers, logs and memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from ml_training.local.ports import free_port
from tests.support.api_process import running_api
from tests.support.eventually import eventually
from tools.fuzz.mutations import mutated
from tools.fuzz.sending import Outcome, answer_to, send_all
from tools.fuzz.whole_requests import api_requests, exporter_requests, read

SLICE = 2_000  # requests between two looks at the memory
WARM_REQUESTS = 1_000  # until caches and pools have their size
GROWTH_BYTES = 16 << 20
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Target:
    """A running server."""

    name: str
    port: int
    pid: int
    log: Path
    seeds: list[bytes]

    def memory(self) -> int:
        """The resident bytes of the process and its children."""
        process = psutil.Process(self.pid)
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


@dataclass(slots=True)
class Report:
    """What a run saw of one server."""

    target: str
    outcome: Outcome
    memory: list[int]

    @property
    def is_good(self) -> bool:
        """No finding, and no memory that grows."""
        return not self.outcome.findings and self.memory[-1] - self.memory[0] < GROWTH_BYTES


@contextmanager
def running_targets(directory: Path, database_url: str, broker_url: str) -> Iterator[list[Target]]:
    """The API and the exporter over one database."""
    port = free_port(HOST)
    with running_api(
        directory, database_url, broker_url, api_workers="1", exporter_port=str(port), log_level="INFO"
    ) as api:
        pid = api.fleet.start("exporter", "exporter").pid
        eventually(lambda: answer_to(port, read("/health/live")).startswith(b"HTTP/1.1 200 "), what="the exporter")
        yield [
            Target("api", api.port, api.fleet.processes["api"].pid, directory / "api.log", api_requests()),
            Target("exporter", port, pid, directory / "exporter.log", exporter_requests()),
        ]


def fuzz(target: Target, *, requests: int, seed: int) -> Report:
    """Send this many mutated requests to one server."""
    total, memory = Outcome(), []
    for number, start in enumerate(range(0, requests, SLICE)):
        count = min(SLICE, requests - start)
        outcome = send_all(target.port, mutated(target.seeds, count=count, seed=seed * 1_000_003 + number))
        total.statuses += outcome.statuses
        total.findings += outcome.findings
        if start + count >= min(WARM_REQUESTS, requests):
            memory.append(target.memory())
    if "Traceback" in target.log.read_text(encoding="utf-8", errors="replace"):
        total.findings.append(f"a traceback in {target.log}")
    return Report(target.name, total, memory)
