"""Draining a queue: tiny jobs submitted in one batch, against bare Celery tasks on as many processes."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from celery import Celery

from tests.support.eventually import eventually
from tools.bench.figures import Row, at_least, median, ratio, spread
from tools.bench.floors.running import APP, BareApp, bare_app
from tools.bench.http_client import Connection
from tools.bench.service import running_service, sample_dataset, train, train_spec, wait_until_completed
from tools.bench.stories.base import NAMES, Run, Story, database_settings

ROUNDS = 2
SLOTS = 2


def measure(run: Run) -> Sequence[Row]:
    """One database after the other, each round in turn with the floor."""
    jobs = run.size(1_000, 200)
    rows = []
    for kind in run.databases:
        with ExitStack() as stack:
            settings = stack.enter_context(database_settings(kind))
            service = stack.enter_context(
                running_service(
                    run.checkout, run.directory / kind, worker_concurrency=SLOTS, worker_threads=1, **settings
                )
            )
            app = stack.enter_context(bare_app(run.directory / f"floor-{kind}", processes=SLOTS))
            http = service.connect()
            dataset_id = sample_dataset(http)
            for _ in range(4):
                train(http, train_spec(dataset_id, n_estimators=10))
            _drain_floor(app, 20, 0)
            ours, floor = [], []
            for number in range(run.size(ROUNDS, 1)):
                with run.timing():
                    floor.append(_drain_floor(app, jobs, number + 1))
                    ours.append(_drain(http, dataset_id, jobs, number))
                run.say(f"{NAMES[kind]}: {ours[-1]:.1f} jobs/s, floor {floor[-1]:.1f}")
        rows += [
            Row(f"jobs/s / floor, {NAMES[kind]}", ratio(ours, floor), target=at_least(0.5)),
            Row(f"jobs/s, {NAMES[kind]}", median(ours), "jobs/s", spread=spread(ours)),
            Row(f"jobs/s, floor beside {NAMES[kind]}", median(floor), "jobs/s", spread=spread(floor)),
        ]
    return rows


def _drain(http: Connection, dataset_id: int, count: int, round_number: int) -> float:
    """Jobs a second from the POST of the batch to the last COMPLETED."""
    rates = [0.1 + round_number * 0.1 + at * 1e-5 for at in range(count)]  # a new artifact each time
    specs = [train_spec(dataset_id, n_estimators=10, learning_rate=rate) for rate in rates]
    started = time.perf_counter()
    items = http.post("/jobs/batch", {"jobs": specs})["items"]
    ids = [item["job"]["id"] for item in items]
    for job_id in ids[-SLOTS:]:  # the oldest is claimed first, so only the last few can still run then
        wait_until_completed(http, job_id)
    ended = time.perf_counter()
    for job_id in ids:
        wait_until_completed(http, job_id)
    return count / (ended - started)


def _drain_floor(app: BareApp, count: int, round_number: int) -> float:
    """Tasks a second from the first `apply_async` to the last model."""
    before = app.models()
    with Celery("bench", broker=app.broker_url) as sender:
        started = time.perf_counter()
        for at in range(count):
            sender.send_task(f"{APP}.run_without_row", (f"bare-{round_number}-{at}", 0.1 + at * 1e-5))
        eventually(lambda: app.models() >= before + count, every=0.02, what="the floor has drained its queue")
        return count / (time.perf_counter() - started)


STORY = Story(
    "drain",
    "Draining 1,000 tiny jobs",
    "The job of the story above, 1,000 of them in one batch, two slots of one thread. "
    "Floor: a bare Celery task with two processes, which trains and saves a model, without a row.",
    measure,
)
