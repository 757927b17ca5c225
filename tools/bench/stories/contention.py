"""Jobs side by side: two large ones at once, and somebody else's small job beside a large one."""

import time
from collections.abc import Sequence
from typing import Any

from tools.bench.figures import Row, at_most, median, percentile, ratio, spread
from tools.bench.generated import write_csv
from tools.bench.http_client import Connection
from tools.bench.service import (
    Service,
    running_service,
    sample_dataset,
    train,
    train_spec,
    upload_dataset,
    wait_until_completed,
)
from tools.bench.stories.base import Run, Story

SMALL_JOBS = 60
ENDED = ("COMPLETED", "FAILED", "CANCELLED")


def measure(run: Run) -> Sequence[Row]:
    """One after the other and at once in turn; then small jobs for as long as a large one runs."""
    csv = write_csv(run.directory / "data.csv", rows=run.size(500_000, 100_000), seed=3)
    one_by_one, at_once = [], []
    with running_service(run.checkout, run.directory / "service", worker_concurrency=2) as service:
        http = service.connect()
        dataset_id, small_id = upload_dataset(service, csv), sample_dataset(http)
        train(http, train_spec(dataset_id, n_estimators=5))  # what is kept of a data set is kept for both ways
        for number in range(run.size(3, 1)):
            specs = [
                train_spec(dataset_id, n_estimators=100, learning_rate=0.1 + number * 0.01 + at) for at in (0, 0.001)
            ]
            with run.timing():
                one_by_one.append(sum(train(http, spec) for spec in specs))
                at_once.append(_at_once(http, specs))
            run.say(f"one by one {one_by_one[-1]:.1f} s, at once {at_once[-1]:.1f} s")
        alone = [1000 * train(http, _small(small_id, at)) for at in range(20)]
        with run.timing():
            beside = _beside_a_large_job(service, dataset_id, small_id)
    return [
        Row("two large jobs at once / one after the other", ratio(at_once, one_by_one), target=at_most(1.1)),
        Row("two large jobs at once", median(at_once), "s", spread=spread(at_once)),
        Row("two large jobs one after the other", median(one_by_one), "s", spread=spread(one_by_one)),
        Row("p50 of a small job beside a large one", median(beside), "ms", at_most(150), spread(beside)),
        Row("p99 of a small job beside a large one", percentile(beside, 0.99), "ms"),
        Row("p50 of a small job alone", median(alone), "ms", spread=spread(alone)),
    ]


def _at_once(http: Connection, specs: Sequence[dict[str, Any]]) -> float:
    started = time.perf_counter()
    ids = [http.post("/jobs", spec)["id"] for spec in specs]
    for job_id in ids:
        wait_until_completed(http, job_id)
    return time.perf_counter() - started


def _beside_a_large_job(service: Service, dataset_id: int, small_id: int) -> list[float]:
    """Milliseconds of small jobs that ended before the large one did, or of SMALL_JOBS."""
    http = service.connect()
    large = http.post("/jobs", train_spec(dataset_id, n_estimators=500, learning_rate=0.07))["id"]
    while http.get(f"/jobs/{large}")["progress"] < 0.02:  # data are read, rounds run
        http.get(f"/jobs/{large}?wait=1")
    took = []
    for number in range(SMALL_JOBS):
        seconds = train(http, _small(small_id, 100 + number))
        if http.get(f"/jobs/{large}")["status"] in ENDED:
            break
        took.append(1000 * seconds)
    http.ask("POST", f"/jobs/{large}/cancel")
    return took


def _small(dataset_id: int, number: int) -> dict[str, Any]:
    return train_spec(dataset_id, n_estimators=10, learning_rate=0.1 + number * 1e-5)


STORY = Story(
    "contention",
    "Jobs side by side",
    "SQLite, two slots. Two LightGBM jobs of 500,000 x 30 with 100 trees at the same time, against the same two one "
    "after the other; and the small job of the first story while a job with 500 trees runs.",
    measure,
)
