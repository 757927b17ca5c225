"""One run: undisturbed results first, then load and faults together, then peace, and the verdict."""

import math
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ml_training.domain.errors import Unavailable
from ml_training.domain.states import DatasetStatus
from ml_training.services import queries
from ml_training.services.submit import submit_job
from tests.support.datasets import generated_csv, upload
from tests.support.eventually import eventually
from tools.chaos.checker import RESULTS, Expected, Findings, Guards, check, count_guards
from tools.chaos.clients import LIVING, Clients, Load
from tools.chaos.cluster import SLOTS, WORKERS, Cluster, cluster_directory, running_cluster
from tools.chaos.history import History
from tools.chaos.nemesis import Nemesis

LONG_ROWS, SMALL_ROWS, COLUMNS = 30_000, 400, 12
SETTLE_SECONDS = 150.0
TRAIN: dict[str, dict[str, Any]] = {
    "lightgbm": {"model_type": "lightgbm", "params": {"n_estimators": 800, "num_leaves": 63}},
    "lightgbm, short": {"model_type": "lightgbm", "params": {"n_estimators": 60}, "random_state": 7},
    "lightgbm, sampled": {
        "model_type": "lightgbm",
        "params": {"n_estimators": 150, "subsample": 0.7, "subsample_freq": 1},
    },
    "random_forest": {"model_type": "random_forest", "params": {"n_estimators": 30, "max_depth": 10}},
    "logistic_regression": {"model_type": "logistic_regression"},
}
SMALL: dict[str, dict[str, Any]] = {
    "small lightgbm": {"model_type": "lightgbm", "params": {"n_estimators": 20}},
    "small random_forest": {"model_type": "random_forest", "params": {"n_estimators": 5}},
    "small ridge": {"model_type": "ridge"},
}


@dataclass(frozen=True)
class Outcome:
    """What a run found, what it did, and whether it did enough to count."""

    findings: Findings
    history: History
    nemesis: Nemesis
    unexpected: list[str]
    minutes: float

    @property
    def missing(self) -> list[str]:
        """What a run of this length must have seen, and this one has not."""
        return _missing(self.findings.guards, self.history, minutes=self.minutes)

    @property
    def is_good(self) -> bool:
        """Nothing bad, and enough happened for that to mean something."""
        return not any(self.findings.bad().values()) and not self.missing and not self.nemesis.errors


def run_chaos(*, seed: int, minutes: float, database: str, directory: Path | None = None) -> Outcome:
    """Everything on this machine; takes a minute or two longer than `minutes`."""
    with cluster_directory(directory) as place, running_cluster(place, database=database) as cluster:
        load, expected, history = _undisturbed(cluster)
        clients, nemesis = Clients(cluster.api_url, history, load, seed=seed), Nemesis(cluster, seed=seed)
        clients.start()
        nemesis.start()
        _run_under_faults(cluster, history, minutes=minutes)
        nemesis.stop()
        clients.stop()
        _settle(cluster, clients, history)
        findings = check(cluster.resources, history, expected=expected, exporter_port=cluster.settings.exporter_port)
        return Outcome(findings, history, nemesis, cluster.unexpected, minutes)


def _missing(guards: Guards, history: History, *, minutes: float) -> list[str]:
    wanted = max(1, min(5, math.floor(2 * minutes)))
    seen = {
        "late writes refused": (guards.refused_writes, 1),
        "lost attempts": (guards.lost_attempts, wanted),
        "cancels of RUNNING jobs": (len(history.cancels_of_running), wanted),
    }
    return [f"{name}: {count} of {least}" for name, (count, least) in seen.items() if count < least]


def _run_under_faults(cluster: Cluster, history: History, *, minutes: float) -> None:
    """For `minutes`, and as long again if that is what it takes until the run has met every guard."""
    pause, started = threading.Event(), time.monotonic()
    pause.wait(minutes * 60.0)
    while time.monotonic() - started < 2 * minutes * 60.0:
        with suppress(Unavailable):
            if not _missing(count_guards(cluster.resources), history, minutes=minutes):
                return
        pause.wait(1.0)


def _undisturbed(cluster: Cluster) -> tuple[Load, Expected, History]:
    """Every spec once, without any fault: the results that each later run of the same spec must give."""
    eventually(lambda: _is_ready(cluster), within=120, what="every part is ready")
    history = History()
    long, ids = _run_kinds(cluster, history, TRAIN, rows=LONG_ROWS, prefix="")
    small, small_ids = _run_kinds(cluster, history, SMALL, rows=SMALL_ROWS, prefix="small ")
    with cluster.resources.database.read() as connection:
        rows = [tuple(row) for query in RESULTS.values() for row in connection.exec_driver_sql(query)]
    results = {row[0]: row[1:] for row in rows}
    return Load(long, small), {name: results[job_id] for name, job_id in (ids | small_ids).items()}, history


def _run_kinds(
    cluster: Cluster, history: History, trainings: dict[str, dict[str, Any]], *, rows: int, prefix: str
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """The trainings, a TEST, a COMPARE and a PREDICT on a table of so many rows: the specs and the jobs by name."""
    dataset = upload(cluster.resources, generated_csv(rows, COLUMNS), name=f"rows-{rows}")
    assert dataset.status is DatasetStatus.READY, dataset
    common = {"dataset_id": dataset.id}
    specs: dict[str, dict[str, Any]] = {
        name: {"job_type": "TRAIN", "model_name": "whole", "target": {"column": "target"}, **common, **fields}
        for name, fields in trainings.items()
    }
    first = _run_all(cluster, history, specs)
    models = [queries.get_job(cluster.resources, job_id).result_id for job_id in first.values()]
    more: dict[str, dict[str, Any]] = {
        f"{prefix}test": {"job_type": "TEST", "model_id": models[0], **common},
        f"{prefix}compare": {"job_type": "COMPARE", "model_ids": models[:3], "metric": "f1", **common},
        f"{prefix}predict": {"job_type": "PREDICT", "model_id": models[0], "keep": ["target"], **common},
    }
    return specs | more, first | _run_all(cluster, history, more)


def _run_all(cluster: Cluster, history: History, specs: dict[str, dict[str, Any]]) -> dict[str, int]:
    ids = {name: submit_job(cluster.resources, spec).id for name, spec in specs.items()}
    for name, job_id in ids.items():
        history.wants(f"undisturbed {name}")
        history.accept(job_id, name, before=None)
        job = queries.wait_for_job(cluster.resources, job_id, seconds=180)
        assert (job.status, job.attempt) == ("COMPLETED", 1), job
    return ids


def _settle(cluster: Cluster, clients: Clients, history: History) -> None:
    """Wait until every job has ended, and the exporter has seen it; what has not by then is stuck."""
    deadline = time.monotonic() + SETTLE_SECONDS
    pause = threading.Event()
    while time.monotonic() < deadline:
        cluster.revive()
        living = [item for item in clients.look() if item["status"] in LIVING]
        if history.accepted and not living and _all_ended(cluster):
            break
        pause.wait(0.5)
    eventually(lambda: _is_ready(cluster), within=60, what="every part is ready again")
    pause.wait(3 * cluster.settings.snapshot_seconds)


def _all_ended(cluster: Cluster) -> bool:
    with cluster.resources.database.read() as connection:
        open_jobs = connection.exec_driver_sql("SELECT count(*) FROM jobs WHERE finished_at IS NULL").scalar_one()
    return int(open_jobs) == 0


def _is_ready(cluster: Cluster) -> bool:
    try:
        with httpx.Client(trust_env=False, timeout=5) as client:
            answer = client.get(f"{cluster.api_url}/health/ready")
            page = client.get(f"http://127.0.0.1:{cluster.settings.exporter_port}/metrics")
    except httpx.TransportError:
        return False
    children = sum(len(cluster.children(name)) for name in WORKERS)
    return answer.status_code == 200 and "ml_jobs_total" in page.text and children == SLOTS * len(WORKERS)
