"""Submissions: eight connections and batches, with an empty queue, with 100,000 waiting jobs, and without Redis."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import psutil

from tests.support.redis_server import start_redis
from tools.bench.figures import Row, Target, at_least, at_most, median, paired_ratios, percentile, spread
from tools.bench.floors.running import bare_app
from tools.bench.http_load import Load, run_load
from tools.bench.machine import cpu_seconds
from tools.bench.probing import run_probe
from tools.bench.service import PREFIX, Service, running_service, sample_dataset, train_spec
from tools.bench.stories.base import NAMES, Run, Story, database_settings

CONNECTIONS = 8
BODIES = 500
BATCH = 1_000
ENOUGH = 100_000_000  # jobs that may wait


@dataclass(slots=True)
class Measured:
    """The loads of one subject, round by round, and the CPU seconds of its API."""

    send: Callable[[float], Load]
    api: Sequence[psutil.Process] = ()
    loads: list[Load] = field(default_factory=list)
    cpu: float = 0.0

    def measure(self, seconds: float) -> None:
        """One round."""
        before = cpu_seconds(self.api)
        self.loads.append(self.send(seconds))
        self.cpu += cpu_seconds(self.api) - before

    @property
    def rates(self) -> list[float]:
        """Answers a second of each round."""
        return [load.rate for load in self.loads]

    @property
    def milliseconds(self) -> list[float]:
        """Of every answer."""
        return [value for load in self.loads for value in load.milliseconds]


def measure(run: Run) -> Sequence[Row]:
    """One database after the other."""
    return [row for kind in run.databases for row in _measure(run, kind)]


def _measure(run: Run, kind: str) -> list[Row]:
    seconds, rounds, waiting = run.size(4.0, 2.0), run.size(5, 2), run.size(100_000, 20_000)
    with ExitStack() as stack:
        empty, dataset_id = _service(run, stack, kind, "empty")
        full, _ = _service(run, stack, kind, "full")
        without, _ = _service(run, stack, kind, "without-redis")
        app = stack.enter_context(bare_app(run.directory / f"{kind}-floor"))
        app.stop_worker()
        run_probe(run.checkout, "fill", full.database_url, 0, waiting)
        specs = [train_spec(dataset_id, n_estimators=10, learning_rate=0.1 + at * 1e-5) for at in range(BODIES)]
        subjects = {
            "floor": Measured(lambda seconds: _load(app.port, "/jobs", seconds, specs)),
            "empty": _subject(empty, specs),
            "full": _subject(full, specs),
            "without-redis": _subject(without, specs),
        }
        with run.timing():
            for subject in subjects.values():
                subject.send(0.5)  # connections, caches
            for _ in range(rounds):
                for subject in subjects.values():
                    subject.measure(seconds)
            batches = [_batch(empty, specs) for _ in range(run.size(5, 2))]
    run.say(", ".join(f"{name} {median(each.rates):,.0f}/s" for name, each in subjects.items()))
    return _rows(NAMES[kind], subjects, batches, waiting)


def _rows(name: str, subjects: Mapping[str, Measured], batches: Sequence[float], waiting: int) -> list[Row]:
    floor, empty, full, without = subjects.values()

    def compared(what: str, ours: Measured, base: Measured, target: Target) -> Row:
        ratios = paired_ratios(ours.rates, base.rates)
        return Row(f"{what}, {name}", median(ratios), target=target, spread=spread(ratios))

    return [
        compared("POST /jobs a second / floor", empty, floor, at_least(0.6)),
        Row(f"POST /jobs a second, {name}", median(empty.rates), "/s", spread=spread(empty.rates)),
        Row(f"POST /jobs a second, floor beside {name}", median(floor.rates), "/s", spread=spread(floor.rates)),
        Row(f"p99, {name}", percentile(empty.milliseconds, 0.99), "ms", at_most(60)),
        Row(f"p99, floor beside {name}", percentile(floor.milliseconds, 0.99), "ms"),
        compared(f"rate with {waiting:,} waiting / empty queue", full, empty, at_least(0.9)),
        Row(f"p99 with {waiting:,} waiting, {name}", percentile(full.milliseconds, 0.99), "ms", at_most(60)),
        compared("rate without Redis / with Redis", without, empty, at_least(0.9)),
        Row(f"p99 without Redis, {name}", percentile(without.milliseconds, 0.99), "ms", at_most(60)),
        Row(f"CPU of the API a request, {name}", 1000 * empty.cpu / len(empty.milliseconds), "ms", at_most(1.2)),
        Row(f"jobs/s in batches of {BATCH:,}, {name}", median(batches), "jobs/s", at_least(5_000), spread(batches)),
    ]


def _service(run: Run, stack: ExitStack, kind: str, name: str) -> tuple[Service, int]:
    """A stack whose workers are frozen, so that what is submitted waits, and its data set."""
    directory = run.directory / f"{kind}-{name}"
    redis = start_redis(run.directory / f"{kind}-{name}-redis")
    stack.callback(redis.stop)
    settings: dict[str, Any] = {**stack.enter_context(database_settings(kind)), "broker_url": redis.url}
    service = stack.enter_context(
        running_service(run.checkout, directory, limits__pending_jobs=ENOUGH, worker_concurrency=1, **settings)
    )
    dataset_id = sample_dataset(service.connect())
    service.freeze("worker")
    if name == "without-redis":
        redis.stop()
    return service, dataset_id


def _subject(service: Service, specs: Sequence[dict[str, Any]]) -> Measured:
    path = f"{PREFIX}/jobs"
    return Measured(lambda seconds: _load(service.port, path, seconds, specs), api=service.part("api"))


def _load(port: int, path: str, seconds: float, bodies: Sequence[dict[str, Any]]) -> Load:
    return run_load(port, path, connections=CONNECTIONS, seconds=seconds, bodies=bodies)


def _batch(service: Service, specs: Sequence[dict[str, Any]]) -> float:
    """Jobs a second of one batch, from the request to its answer."""
    batch = [specs[at % len(specs)] | {"random_state": at} for at in range(BATCH)]
    http = service.connect()
    started = time.perf_counter()
    items = http.post("/jobs/batch", {"jobs": batch})["items"]
    took = time.perf_counter() - started
    assert all(item["status"] == 202 for item in items)
    return BATCH / took


STORY = Story(
    "submit",
    "Submissions",
    "`POST /jobs` over 8 kept connections, each with another learning rate, workers frozen; the load generator is "
    "`tools/bench/http_load.py`. Floor: the bare app, which enqueues in the request, its worker stopped. Every round "
    "asks all in turn; the ratios are medians of the rounds. A batch has another seed for each job.",
    measure,
)
