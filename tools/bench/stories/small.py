"""The small job: 569 x 30, LightGBM with 10 rounds, from the POST to COMPLETED, job by job in turn with the floor."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from tests.support.eventually import eventually
from tools.bench.figures import Row, at_most, median, percentile, ratio, spread
from tools.bench.floors.running import BareApp, bare_app
from tools.bench.service import Service, running_service, sample_dataset, train, train_spec
from tools.bench.stories.base import NAMES, Run, Story, database_settings

WARM_UP = 10


def measure(run: Run) -> Sequence[Row]:
    """All subjects are up at the same time; each round asks every one of them once."""
    count = run.size(200, 40)
    with ExitStack() as stack:
        subjects: dict[str, Callable[[float], float]] = {}
        for kind in run.databases:
            settings = stack.enter_context(database_settings(kind))
            service = stack.enter_context(running_service(run.checkout, run.directory / kind, **settings))
            subjects[kind] = _service_job(service)
        subjects["floor"] = _floor_job(stack.enter_context(bare_app(run.directory / "floor")))
        took: dict[str, list[float]] = {name: [] for name in subjects}
        with run.timing():
            for number in range(-WARM_UP, count):
                for name, job in subjects.items():
                    seconds = job(0.1 + (number + WARM_UP) * 1e-5)  # a new artifact each time
                    if number >= 0:
                        took[name].append(1000 * seconds)
    rows = [row for kind in run.databases for row in _rows(NAMES[kind], took[kind], took["floor"])]
    return [*rows, Row("p50, floor", median(took["floor"]), "ms", spread=spread(took["floor"]))]


def _rows(name: str, took: Sequence[float], floor: Sequence[float]) -> list[Row]:
    return [
        Row(f"p50 / floor, {name}", ratio(took, floor), target=at_most(1.9)),
        Row(f"p50, {name}", median(took), "ms", at_most(45), spread(took)),
        Row(f"p99, {name}", percentile(took, 0.99), "ms", at_most(100)),
    ]


def _service_job(service: Service) -> Callable[[float], float]:
    http = service.connect()
    dataset_id = sample_dataset(http)
    return lambda rate: train(http, train_spec(dataset_id, n_estimators=10, learning_rate=rate))


def _floor_job(app: BareApp) -> Callable[[float], float]:
    http = app.connect()

    def job(rate: float) -> float:
        started = time.perf_counter()
        job_id = http.post("/jobs", {"params": {"learning_rate": rate}})["id"]
        eventually(lambda: http.get(f"/jobs/{job_id}")["status"] == "COMPLETED", every=0.001, what="the floor's job")
        return time.perf_counter() - started

    return job


STORY = Story(
    "small",
    "A small job, from POST to COMPLETED",
    "breast_cancer (569 x 30), LightGBM with 10 rounds, one job after the other; the client waits with `?wait=30`. "
    "Floor: a bare Flask + Celery + SQLite app with the same number of processes, whose client asks every millisecond.",
    measure,
)
