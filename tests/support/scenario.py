"""A fixed scenario in a database: jobs of every kind and fate, models, processes; times count from a whole second."""

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, update

from ml_training.db import ledger, results
from ml_training.db.datasets import insert_dataset
from ml_training.db.engine import Database
from ml_training.db.job_events import append_events
from ml_training.db.jobs import insert_job
from ml_training.db.tables import heartbeats, jobs, models
from ml_training.domain.histogram_buckets import REQUEST_BUCKETS
from tests.support.database_clock import database_now

SERVED: dict[str, Any] = {
    "counting_since": 1_800_000_000.0,
    "requests": {"POST /api/v1/jobs 202": 3, "POST /api/v1/jobs 422": 2, "GET unmatched 404": 1},
    "durations": {
        "/api/v1/jobs": {"buckets": [1, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], "sum": 40.5},
        "unmatched": {"buckets": [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "sum": 0.001},
    },
    "duration_bounds": list(REQUEST_BUCKETS),
    "rejected": {"invalid": 2},
}


@dataclass(frozen=True)
class Scenario:
    """Writes into `database`; `base` is the moment of the scenario, Unix seconds."""

    database: Database
    base: float

    def job(self, *, created: float, job_type: str = "TRAIN", model_type: str = "lightgbm", **values: Any) -> int:
        """A PENDING job, submitted `created` seconds before the scenario's moment."""
        at = self.base - created
        row = {
            "job_type": job_type,
            "model_type": model_type,
            "spec": {},
            "dataset_id": None,
            "priority": 5,
            "max_runtime_seconds": 3600.0,
            "phases_count": 0,
            "created_at": at,
            "run_after": at,
            **values,
        }
        with self.database.write() as connection:
            return insert_job(connection, **row)

    def start(self, job_id: int, *, ago: float, worker: str = "worker@host-1", **values: Any) -> None:
        """PENDING -> RUNNING, `ago` seconds before the scenario's moment."""
        at = self.base - ago
        started = {"status": "RUNNING", "attempt": 1, "lease_until": at + 30.0, "worker": worker, "started_at": at}
        self.change(job_id, **{**started, "attempt_started_at": at, **values})

    def end(self, job_id: int, status: str, *, ago: float, **values: Any) -> None:
        """To a terminal state, `ago` seconds before the scenario's moment."""
        result = {"result_id": job_id, "progress": 1.0} if status == "COMPLETED" else {}
        ended = {"status": status, "lease_until": None, "finished_at": self.base - ago}
        self.change(job_id, **{**ended, **result, **values})

    def report_scores(self, job_id: int, *bodies: dict[str, float], attempt: int = 1) -> None:
        """What the training reports after some of its iterations."""
        events = [("scores", body) for body in bodies]
        with self.database.write() as connection:
            append_events(connection, job_id=job_id, attempt=attempt, events=events)

    def change(self, job_id: int, **values: Any) -> None:
        """Write columns of one job."""
        with self.database.write() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))

    def process(self, name: str, kind: str, *, ago: float, **body: Any) -> None:
        """A heartbeat, `ago` seconds before the scenario's moment."""
        row = {"process": name, "kind": kind, "started_at": self.base - 1000.0, "seen_at": self.base - ago}
        with self.database.write() as connection:
            connection.execute(insert(heartbeats).values(**row, draining=False, body=body))

    def model(self, job_id: int, dataset_id: int, **values: Any) -> int:
        """A model."""
        row = {
            "name": "churn",
            "model_type": "lightgbm",
            "task": "binary",
            "job_id": job_id,
            "attempt": 1,
            "dataset_id": dataset_id,
            "dataset_sha256": "0",
            "artifact_key": "k",
            "artifact_sha256": "0",
            "artifact_bytes": 1,
            "scores": {},
            "details": {},
            "lineage": {},
            "train_accuracy": None,
            "test_accuracy": None,
            **values,
        }
        with self.database.write() as connection:
            return results.insert_model(connection, **row)

    def dataset(self) -> int:
        """A data set."""
        with self.database.write() as connection:
            return insert_dataset(
                connection,
                name="data",
                file_format="csv",
                raw_key="k",
                raw_sha256="0",
                raw_bytes=1000,
                time_column=None,
                phase_column=None,
                group_column=None,
            )


def open_scenario(database: Database) -> Scenario:
    """A scenario whose moment is the last whole second of the database's clock, so that its sums are exact."""
    with database.read() as connection:
        return Scenario(database, float(math.floor(database_now(connection))))


def write_scenario(scenario: Scenario) -> None:
    """Every status and type, two models, three processes, half of the ledger folded."""
    running = scenario.job(created=70.0, phases_count=2)
    scenario.start(running, ago=60.0, progress=0.42, eta_seconds=90.5, features_count=30)
    losses = {"train_log_loss": 0.25, "held_out_log_loss": 0.5, "stop_log_loss": 0.375}
    scenario.report_scores(running, {"iteration": 41, "train_log_loss": 0.5}, {"iteration": 42, "split": 1.0, **losses})
    scenario.job(created=10.0, model_type="random_forest")
    tested = scenario.job(created=501.0, job_type="TEST", estimated_seconds=1.0, estimated_wait=1.0)
    scenario.start(tested, ago=500.0)
    scenario.end(tested, "COMPLETED", ago=490.0, rows_used=50)
    compared = scenario.job(created=300.5, job_type="COMPARE", model_type="mixed")
    scenario.start(compared, ago=300.25)
    scenario.end(compared, "FAILED", ago=299.75, progress=0.5)
    scenario.end(scenario.job(created=5.0, model_type="ridge"), "CANCELLED", ago=4.0)
    returned = scenario.job(created=120.0, model_type="mlp")
    scenario.start(returned, ago=100.0, features_count=12)
    scenario.change(
        returned, status="PENDING", lease_until=None, worker=None, run_after=scenario.base - 20.0, progress=0.0
    )
    ingested = scenario.job(created=2000.0, job_type="INGEST", model_type="none")
    scenario.start(ingested, ago=1999.0)
    scenario.end(ingested, "COMPLETED", ago=1998.0)
    with scenario.database.write() as connection:
        ledger.charge_lost_attempt(connection, job_id=returned, attempt=1, reason="worker_lost")
        ledger.count_refused_write(connection, "progress")
        ledger.fold(connection, limit=4)
    long_ago = scenario.job(created=5000.0, model_type="extra_trees")
    scenario.start(long_ago, ago=4000.0)
    scenario.end(long_ago, "COMPLETED", ago=2000.0, rows_used=1000)

    dataset = scenario.dataset()
    scores = {"train": {"accuracy": 0.97, "f1": 0.5}, "held_out": {"accuracy": 0.9375, "f1": None}}
    drifted = scenario.model(long_ago, dataset, train_accuracy=0.97, test_accuracy=0.9375, scores=scores)
    errors = {"train": {"rmse": 1.5}, "held_out": {"rmse": 2.25, "mae": 1.75, "mape": 0.125, "r2": 0.875}}
    scenario.model(tested, dataset, task="regression", scores=errors)
    gone = scenario.model(compared, dataset, train_accuracy=0.5, artifact_bytes=500)
    with scenario.database.write() as connection:
        connection.execute(update(models).where(models.c.id == gone).values(deleted_at=scenario.base))
        connection.execute(update(models).where(models.c.id == drifted).values(drift=0.0625))
    scenario.process(
        "api@host-7", "api", ago=2.0, master_started_at=scenario.base - 3600.0, rss_bytes=100_000_000, **SERVED
    )
    scenario.process(
        "maintenance@host-8", "maintenance", ago=3.0, rss_bytes=80_000_000, storage_free_bytes=5_000_000_000
    )
    scenario.process(
        "worker@host-1", "worker", ago=1.0, slots=2, rss_bytes=300_000_000, storage_ok=True, broker_ok=False
    )
    scenario.process("worker@host-2", "worker", ago=100.0, slots=2, rss_bytes=300_000_000)
