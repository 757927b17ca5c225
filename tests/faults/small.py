"""A small data set and a small LightGBM job on it, for processes that are hurt at a chosen point."""

from pathlib import Path

from ml_training.db import registry
from ml_training.db.events import read_events
from ml_training.domain.records import Model
from ml_training.services.core import Core
from ml_training.services.datasets import accept_upload, store_upload
from ml_training.services.submit import submit_job
from ml_training.services.upkeep import sweep_once
from ml_training.services.verify import violations
from ml_training.storage.base import Kind
from tests.support.datasets import generated_csv
from tests.support.deadly import work
from tests.support.eventually import eventually

ROUNDS = 20


def ready_data(core: Core, url: str, root: Path) -> int:
    """A data set, READY; its id."""
    stored = store_upload(core, "csv", [generated_csv(300, 4)])
    dataset_id = accept_upload(core, name="data", file_format="csv", stored=stored).id
    assert work(url, root)
    return dataset_id


def submit_train(core: Core, dataset_id: int, *, rounds: int = ROUNDS) -> int:
    """A job of so many rounds; its id."""
    spec = {
        "job_type": "TRAIN", "model_name": "model", "model_type": "lightgbm", "dataset_id": dataset_id,
        "target": {"column": "target"}, "params": {"n_estimators": rounds},
    }  # fmt: skip
    return submit_job(core, spec).id


def models(core: Core) -> dict[int, Model]:
    """The models by job: one each."""
    with core.database.read() as connection:
        found = registry.list_models(connection, {}, before_id=None, limit=10_000)
    assert len({model.job_id for model in found}) == len(found)
    return {model.job_id: model for model in found}


def log_of(core: Core, job_id: int) -> str:
    """What the job has said."""
    with core.database.read() as connection:
        return " ".join(str(event.body) for event in read_events(connection, job_id, after=0, limit=1_000))


def check(core: Core) -> None:
    """No invariant is violated, and after a sweep no file is left that no row names."""
    assert list(violations(core.database, core.storage, sweep_age_seconds=3600.0)) == []
    eventually(lambda: sweep_once(core, age_seconds=0.001).removed == 0, what="the sweeper has done its work")
    assert list(violations(core.database, core.storage, sweep_age_seconds=0.0)) == []
    assert not [key for key, _ in core.storage.list_keys() if key.startswith(Kind.CHECKPOINT)], "of ended jobs"
