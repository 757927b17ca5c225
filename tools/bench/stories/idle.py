"""The idle stack: how long it takes to start, what it weighs, and what it costs while nobody asks."""

import threading
import time
from collections.abc import Sequence
from typing import Protocol

import psutil

from tools.bench.figures import Row, at_most, median, spread
from tools.bench.floors.running import bare_app
from tools.bench.machine import cpu_seconds, pss_mb
from tools.bench.service import running_service
from tools.bench.stories.base import Run, Story

SECONDS = 20.0
SETTLE_SECONDS = 10.0


class Processes(Protocol):
    """What has processes."""

    def processes(self) -> list[psutil.Process]:
        """All of them."""


def measure(run: Run) -> Sequence[Row]:
    """Three starts; the last stack is weighed."""
    starts = []
    for number in range(run.size(3, 1) - 1):
        with run.timing(), running_service(run.checkout, run.directory / str(number)) as service:
            starts.append(service.started_seconds)
    with running_service(run.checkout, run.directory / "last") as service:
        starts.append(service.started_seconds)
        with run.timing():
            cost = _cost(service)
        weights = [(_name(each), pss_mb(each)) for each in service.processes()]
    with bare_app(run.directory / "floor") as app:
        with run.timing():
            floor_cost = _cost(app)
        floor_weight = sum(pss_mb(each) for each in app.processes())
    total = sum(weight for _, weight in weights)
    heaviest = sorted(weights, key=lambda pair: -pair[1])
    return [
        Row("`up` to ready", median(starts), "s", at_most(3), spread(starts, "s")),
        Row("memory (PSS) of all processes", total, "MB", at_most(420), f"{len(weights)} processes"),
        *(Row(f"memory of {name}", weight, "MB") for name, weight in heaviest if weight >= 5),
        Row("CPU, % of a core", cost, "%", at_most(2), f"over {SECONDS:.0f} s"),
        Row("memory (PSS), floor", floor_weight, "MB"),
        Row("CPU, % of a core, floor", floor_cost, "%"),
    ]


def _cost(subject: Processes) -> float:
    threading.Event().wait(SETTLE_SECONDS)
    processes = subject.processes()
    before, started = cpu_seconds(processes), time.monotonic()
    threading.Event().wait(SECONDS)
    return 100 * (cpu_seconds(processes) - before) / (time.monotonic() - started)


def _name(process: psutil.Process) -> str:
    words = [word for word in process.cmdline() if word]
    if "-c" in words:  # what multiprocessing starts: the code says more than its arguments
        return "a Python child: " + words[words.index("-c") + 1][:60]
    return " ".join(word.rpartition("/")[2] for word in words)[:60]


STORY = Story(
    "idle",
    "The idle stack",
    "SQLite, default settings, before any job. PSS shares a page that several processes use among them. "
    "Floor: the bare app with its Redis and its worker, after one job.",
    measure,
)
