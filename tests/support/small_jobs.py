"""A small data set and a small LightGBM job on it, for processes that are hurt at a chosen point."""

from pathlib import Path

from ml_training.db import results
from ml_training.db.job_events import read_events
from ml_training.domain.records import Model, Prediction
from ml_training.domain.states import JobStatus
from ml_training.maintenance.reaper import reap_once
from ml_training.maintenance.sweep import sweep_storage_once
from ml_training.maintenance.verify import violations
from ml_training.services.datasets import accept_upload, store_upload
from ml_training.services.queries import get_job
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_job
from ml_training.storage.base import ObjectKind
from tests.support.crashing_worker import work
from tests.support.datasets import generated_csv
from tests.support.eventually import eventually
from tests.support.s3_server import BucketPlace

ROUNDS = 20


def ready_data(resources: Resources, url: str, root: Path | BucketPlace, *, rows: int = 300) -> int:
    """A data set, READY; its id."""
    stored = store_upload(resources, "csv", [generated_csv(rows, 4)])
    dataset_id = accept_upload(resources, name="data", file_format="csv", stored=stored).id
    assert work(url, root)
    return dataset_id


def submit_train(resources: Resources, dataset_id: int, *, rounds: int = ROUNDS, seed: int = 0) -> int:
    """A job of so many rounds; its id."""
    spec = {
        "job_type": "TRAIN",
        "model_name": "model",
        "model_type": "lightgbm",
        "dataset_id": dataset_id,
        "target": {"column": "target"},
        "params": {"n_estimators": rounds},
        "random_state": seed,
    }
    return submit_job(resources, spec).id


def submit_predict(resources: Resources, dataset_id: int) -> int:
    """A job that predicts the data set with the newest model; its id."""
    spec = {"job_type": "PREDICT", "model": "model", "dataset_id": dataset_id, "keep": ["target"]}
    return submit_job(resources, spec).id


def after_the_fault(resources: Resources, url: str, root: Path | BucketPlace, job_id: int) -> int:
    """The reaper, and another process, do what is left to do; how many attempts there are to be."""
    if get_job(resources, job_id).status is JobStatus.RUNNING:
        eventually(lambda: reaped(resources), what="the lease has ended")
    job = get_job(resources, job_id)
    if job.status.is_terminal:
        return job.attempt
    assert work(url, root)
    return job.attempt + 1


def reaped(resources: Resources) -> int:
    """How many leases had ended."""
    found = reap_once(resources)
    return found.handed_back + found.cancelled


def predictions(resources: Resources) -> dict[int, Prediction]:
    """The predictions by job: one each."""
    with resources.database.read() as connection:
        found = results.list_results(connection, Prediction, before_id=None, limit=10_000)
    assert len({prediction.job_id for prediction in found}) == len(found)
    return {prediction.job_id: prediction for prediction in found}


def models(resources: Resources) -> dict[int, Model]:
    """The models by job: one each."""
    with resources.database.read() as connection:
        found = results.list_models(connection, {}, before_id=None, limit=10_000)
    assert len({model.job_id for model in found}) == len(found)
    return {model.job_id: model for model in found}


def log_of(resources: Resources, job_id: int) -> str:
    """What the job has said."""
    with resources.database.read() as connection:
        return " ".join(str(event.body) for event in read_events(connection, job_id, after=0, limit=1_000))


def check(resources: Resources) -> None:
    """No invariant is violated, and after a sweep no file is left that no row names."""
    assert list(violations(resources.database, resources.storage, sweep_age_seconds=3600.0)) == []
    eventually(
        lambda: sweep_storage_once(resources, age_seconds=0.001).removed == 0, what="the sweeper has done its work"
    )
    assert list(violations(resources.database, resources.storage, sweep_age_seconds=0.0)) == []
    assert not [key for key, _ in resources.storage.list_keys() if key.startswith(ObjectKind.CHECKPOINT)], (
        "of ended jobs"
    )
