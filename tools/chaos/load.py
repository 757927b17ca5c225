"""What a run asks for: jobs of a moment and of seconds, each first run once without any fault, to compare with."""

from typing import Any

from ml_training.domain.specs import JobType
from ml_training.domain.states import DatasetStatus
from ml_training.services import queries
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_job
from tests.support.datasets import generated_csv, upload
from tools.chaos.checker import RESULTS, Expected
from tools.chaos.clients import Load
from tools.chaos.history import History

LONG_ROWS, SMALL_ROWS, COLUMNS = 30_000, 400, 12
UNDISTURBED_SECONDS = 900.0  # for one job, on a machine whose cores are busy
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
# A family of jobs that can be hurt.
STUDY: dict[str, Any] = {
    "job_type": "TUNE",
    "model_name": "tuned",
    "train": {"model_type": "lightgbm", "target": {"column": "target"}, "params": {"n_estimators": 10}},
    "search": {"/params/num_leaves": {"low": 2, "high": 15}},
    "metric": "accuracy",
    "trials": 4,
    "generation": 2,
}


def undisturbed(resources: Resources, *, long_rows: int = LONG_ROWS) -> tuple[Load, Expected, History]:
    """Every spec once, without any fault: the results that each later run of the same spec must give."""
    history = History()
    long, ids = _run_kinds(resources, history, TRAIN, rows=long_rows, prefix="")
    small, small_ids = _run_kinds(resources, history, SMALL, rows=SMALL_ROWS, prefix="small ")
    return Load(long, small), _results(resources, ids | small_ids), history


def undisturbed_small(resources: Resources, history: History, *, prefix: str) -> tuple[Load, Expected]:
    """The small jobs once, without any fault, for another project; prefix: of their names."""
    trainings = {f"{prefix}{name}": fields for name, fields in SMALL.items()}
    small, ids = _run_kinds(resources, history, trainings, rows=SMALL_ROWS, prefix=f"{prefix}small ")
    return Load(small, small), _results(resources, ids)


def _results(resources: Resources, ids: dict[str, int]) -> Expected:
    with resources.database.read() as connection:
        rows = [tuple(row) for query in RESULTS.values() for row in connection.exec_driver_sql(query)]
    results = {row[0]: row[1:] for row in rows}
    return {name: results[job_id] for name, job_id in ids.items()}


def _run_kinds(
    resources: Resources, history: History, trainings: dict[str, dict[str, Any]], *, rows: int, prefix: str
) -> tuple[dict[str, dict[str, Any]], dict[str, int]]:
    """The trainings, and a job of each other type on a table of so many rows: the specs and the jobs by name."""
    dataset = upload(resources, generated_csv(rows, COLUMNS), name=f"rows-{rows}")
    assert dataset.status is DatasetStatus.READY, dataset
    common = {"dataset_id": dataset.id}
    specs: dict[str, dict[str, Any]] = {
        name: {"job_type": "TRAIN", "model_name": "whole", "target": {"column": "target"}, **common, **fields}
        for name, fields in trainings.items()
    }
    first = _run_all(resources, history, specs)
    models = [queries.get_job(resources, job_id).result_id for job_id in first.values()]
    again = next(iter(specs.values()))
    more: dict[str, dict[str, Any]] = {
        f"{prefix}test": {"job_type": "TEST", "model_id": models[0], **common},
        f"{prefix}compare": {"job_type": "COMPARE", "model_ids": models[:3], "metric": "f1", **common},
        f"{prefix}predict": {"job_type": "PREDICT", "model_id": models[0], "keep": ["target"], **common},
        f"{prefix}explain": {"job_type": "EXPLAIN", "model_id": models[0], "sample_rows": 500, **common},
        f"{prefix}drift": {"job_type": "DRIFT", "model_id": models[0], "sample_rows": 500, **common},
        f"{prefix}reuse": {**again, "reuse": True},
        f"{prefix}study": {**STUDY, "train": {**STUDY["train"], **common}},
    }
    return specs | more, first | _run_all(resources, history, more)


def _run_all(resources: Resources, history: History, specs: dict[str, dict[str, Any]]) -> dict[str, int]:
    ids = {name: submit_job(resources, spec).id for name, spec in specs.items()}
    for name, job_id in ids.items():
        history.wants(f"undisturbed {name}")
        history.accept(job_id, name, before=None)
        job = queries.wait_for_job(resources, job_id, seconds=UNDISTURBED_SECONDS)
        once = job.attempt == 1 or job.job_type is JobType.TUNE  # each step of a study is an attempt
        assert (job.status, once) == ("COMPLETED", True), job
    return ids


def all_ended(resources: Resources) -> bool:
    """Whether no job waits or runs."""
    with resources.database.read() as connection:
        open_jobs = connection.exec_driver_sql("SELECT count(*) FROM jobs WHERE finished_at IS NULL").scalar_one()
    return int(open_jobs) == 0
