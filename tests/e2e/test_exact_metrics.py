"""One long job on a real stack as its metrics tell it: it moves, three processes are killed, the numbers are exact."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import text

from ml_training.db.engine import Database, open_database
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus
from tests.support.datasets import generated_csv
from tests.support.eventually import eventually
from tests.support.exporter import Series
from tests.support.fleet import pool_children
from tests.support.stack_process import StackProcess, is_alive, start_stack

pytestmark = pytest.mark.slow
SHORT_TIMES = {
    "LEASE_SECONDS": "3",
    "LEASE_RENEW_SECONDS": "0.5",
    "LEASE_POLL_SECONDS": "0.1",
    "HEARTBEAT_SECONDS": "0.5",
    "RELAY_SECONDS": "0.2",
    "REAP_SECONDS": "0.3",
    "FOLD_SECONDS": "0.5",
    "WORKER_CONCURRENCY": "1",
    "WORKER_THREADS": "1",
}
LONG = {"n_estimators": 600, "num_leaves": 127}  # ten seconds and more
SMALL = {"n_estimators": 5}
TERMINAL = "('COMPLETED', 'FAILED', 'CANCELLED')"


class Scenario:
    """A stack, its API, its metrics page and its database."""

    def __init__(self, stack: StackProcess, http: httpx.Client, database: Database) -> None:
        self.stack = stack
        self.http = http
        self.database = database
        self._page = f"{stack.urls[1]}/metrics"

    def page(self) -> Series:
        """The metrics now; "not yet" while the exporter is away."""
        try:
            return Series(httpx.get(self._page).raise_for_status().text)
        except httpx.HTTPError as error:
            raise AssertionError("the exporter does not answer") from error

    def get(self, path: str) -> dict[str, Any]:
        """A JSON document of the API; "not yet" while it is away."""
        try:
            document: dict[str, Any] = self.http.get(path).raise_for_status().json()
        except httpx.HTTPError as error:
            raise AssertionError("the API does not answer") from error
        return document

    def submit(self, spec: dict[str, Any]) -> int:
        """The id of a new job."""
        return int(self.http.post("/jobs", json=spec).raise_for_status().json()["id"])

    def until_job(self, job_id: int, **wanted: object) -> dict[str, Any]:
        """Wait until the job has these values."""

        def reached() -> dict[str, Any]:
            job = self.get(f"/jobs/{job_id}")
            assert {name: job[name] for name in wanted} == wanted, job
            return job

        return eventually(reached, what=f"job {job_id} is {wanted}")

    def counted(self, query: str) -> dict[tuple[str, ...], int]:
        """The last column of each row by the others."""
        with self.database.read() as connection:
            return {tuple(row[:-1]): int(row[-1]) for row in connection.execute(text(query))}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty SQLite file of the stack's own, or a fresh database of the server."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'ml_training.db'}"
    url: str = request.getfixturevalue("new_postgresql")()
    return url


@pytest.fixture
def scenario(tmp_path: Path, database_url: str) -> Iterator[Scenario]:
    """A stack with one slot and a short lease, ready."""
    variables = {f"ML_TRAINING_{name}": value for name, value in SHORT_TIMES.items()}
    with start_stack(tmp_path / "data", ML_TRAINING_DATABASE_URL=database_url, **variables) as stack:
        stack.wait_until_ready()
        with httpx.Client(base_url=stack.urls[0], timeout=90.0) as http, opened(database_url) as database:
            yield Scenario(stack, http, database)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A database, closed afterwards."""
    database = open_database(url).of(DEFAULT_PROJECT_ID)
    yield database
    database.dispose()


def upload(scenario: Scenario) -> int:
    """A generated data set over HTTP, READY."""
    file = ("generated.csv", generated_csv(100_000, 20))
    answer = scenario.http.post("/datasets?wait=60", data={"name": "generated"}, files={"file": file})
    dataset = answer.raise_for_status().json()
    assert dataset["status"] == "READY", dataset
    return int(dataset["id"])


def train(dataset_id: int, params: dict[str, int]) -> dict[str, Any]:
    """The spec of a LightGBM job."""
    return {
        "job_type": "TRAIN",
        "model_name": "scenario",
        "model_type": "lightgbm",
        "dataset_id": dataset_id,
        "target": {"column": "target"},
        "params": params,
    }


def watch(scenario: Scenario, job_id: int, *, began_again: bool = False) -> None:
    """See the job's progress and duration rise on the page, in at least three steps, while it is the only one.

    began_again: the first value may be the last one of the attempt before.
    """
    seen: list[tuple[float, float]] = []

    def risen() -> bool:
        page, job = scenario.page(), {"job_id": str(job_id), "job_type": "TRAIN", "model_type": "lightgbm"}
        progress = page.value("ml_job_progress_percent", **job)
        if began_again and len(seen) == 1 and progress < seen[0][0]:
            seen.clear()
        if progress > 0 and progress not in [before for before, _ in seen]:
            assert page.all("ml_job_status", **job) == page.all("ml_job_status", **job, status="RUNNING")
            assert page.value("ml_job_status", **job) == 2
            assert page.value("ml_active_jobs") == 1
            seen.append((progress, page.value("ml_job_duration_seconds", **job)))
        return len(seen) >= 3

    eventually(risen, what="three steps of progress")
    assert all(first[0] < then[0] < 100 and first[1] < then[1] for first, then in pairwise(seen)), seen


def kill_three(stack: StackProcess) -> list[psutil.Process]:
    """The exporter, a process of the API and the worker's child that trains, all at once."""
    victims = [stack.part("exporter"), stack.part("api").children()[0], *pool_children(stack.part("worker"))]
    assert len(victims) == 3
    for victim in victims:
        victim.kill()
    return victims


def check_counters(scenario: Scenario) -> None:
    """What the exporter says equals the rows, pair by pair."""
    ended = scenario.counted(f"SELECT job_type, status, count(*) FROM jobs WHERE status IN {TERMINAL} GROUP BY 1, 2")
    had_started = scenario.counted(
        f"SELECT job_type, count(*) FROM jobs WHERE status IN {TERMINAL} AND started_at IS NOT NULL GROUP BY 1"
    )
    pairs = [(kind.value, status.value) for kind in JobType for status in JobStatus if status.is_terminal]

    def equal() -> bool:
        page = scenario.page()
        shown = {pair: page.value("ml_jobs_total", job_type=pair[0], status=pair[1]) for pair in pairs}
        assert shown == {pair: ended.get(pair, 0) for pair in pairs}
        shown_started = {(kind.value,): page.value("ml_jobs_duration_seconds_count", job_type=kind) for kind in JobType}
        assert shown_started == {(kind.value,): had_started.get((kind.value,), 0) for kind in JobType}
        return True

    eventually(equal, what="the page equals the rows")
    predicted = {("PREDICT", "COMPLETED"): 1}
    assert ended == {("INGEST", "COMPLETED"): 1, ("TRAIN", "COMPLETED"): 2, ("TRAIN", "CANCELLED"): 1, **predicted}
    started = {("INGEST",): 1, ("TRAIN",): 2, ("PREDICT",): 1}
    assert had_started == started, "who was cancelled before the start is not in the histogram"


def test_a_job_outlives_three_kills_and_every_number_is_exact(scenario: Scenario, database_url: str) -> None:
    dataset_id = upload(scenario)
    job_id = scenario.submit(train(dataset_id, LONG))
    waiting_id = scenario.submit(train(dataset_id, LONG))
    small_id = scenario.submit(train(dataset_id, SMALL))
    watch(scenario, job_id)
    assert scenario.get(f"/jobs/{waiting_id}")["status"] == "PENDING"
    scenario.http.post(f"/jobs/{waiting_id}/cancel").raise_for_status()

    victims = kill_three(scenario.stack)
    eventually(lambda: not any(is_alive(victim) for victim in victims), what="all three are gone")
    scenario.until_job(job_id, status="RUNNING", attempt=2)
    watch(scenario, job_id, began_again=True)
    assert scenario.stack.part("exporter").pid not in [victim.pid for victim in victims]
    assert scenario.until_job(job_id, status="COMPLETED")["attempt"] == 2
    scenario.until_job(small_id, status="COMPLETED")
    predict_id = scenario.submit({"job_type": "PREDICT", "model": "scenario", "dataset_id": dataset_id})
    scenario.until_job(predict_id, status="COMPLETED", model_type="lightgbm")

    check_counters(scenario)
    page = scenario.page()
    predicted = {"job_id": str(predict_id), "job_type": "PREDICT", "model_type": "lightgbm"}
    assert page.value("ml_job_status", **predicted, status="COMPLETED") == 3
    assert page.value("ml_job_progress_percent", job_id=str(job_id)) == 100
    assert page.value("ml_job_status", job_id=str(job_id), status="COMPLETED") == 3
    assert sum(page.all("ml_job_attempts_lost_total").values()) == 1
    assert page.value("ml_active_jobs") == 0
    assert verified(scenario.stack, database_url) == (0, "0 violations")


def verified(stack: StackProcess, database_url: str) -> tuple[int, str]:
    """Exit status and first words of the script that checks every invariant."""
    done = subprocess.run(
        [sys.executable, "-m", "ml_training.maintenance.verify"],
        env={**os.environ, "ML_TRAINING_DATA_DIR": str(stack.data_dir), "ML_TRAINING_DATABASE_URL": database_url},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout.partition(" of ")[0]
