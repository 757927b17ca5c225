"""Stored bytes that were damaged, exchanged or removed behind the service's back are never used, and always found."""

import hashlib
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ml_training.domain.errors import ErrorCode, Unavailable
from ml_training.domain.states import DatasetStatus, JobStatus
from ml_training.maintenance.verify import violations
from ml_training.services.datasets import accept_upload
from ml_training.services.models import open_artifact
from ml_training.services.queries import get_dataset, get_job
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_job
from ml_training.storage.base import StoredObject
from tests.support.crashing_worker import work
from tests.support.eventually import eventually
from tests.support.small_jobs import check, models, ready_data, submit_train
from tests.support.stored_files import stored_path

DAMAGE: dict[str, Callable[[Path], None]] = {
    "a bit flipped": lambda path: _flip(path),
    "cut short": lambda path: _cut(path),
    "removed": lambda path: shutil.rmtree(path) if path.is_dir() else path.unlink(),
}
KINDS = [pytest.param(kind, marks=[] if kind == "a bit flipped" else pytest.mark.faults) for kind in DAMAGE]


def _file(path: Path) -> Path:
    """The object itself, or the largest file of a directory."""
    return max(path.iterdir(), key=lambda file: file.stat().st_size) if path.is_dir() else path


def _flip(path: Path) -> None:
    data = bytearray(_file(path).read_bytes())
    data[len(data) // 2] ^= 1
    _file(path).write_bytes(data)


def _cut(path: Path) -> None:
    _file(path).write_bytes(_file(path).read_bytes()[:-1])


def damage(kind: str, path: str) -> None:
    """By name, so that another process can be told to do it."""
    DAMAGE[kind](Path(path))


def readable_sha256(resources: Resources, model_id: int) -> str:
    """The SHA-256 of a model's file as it is read."""
    with open_artifact(resources, model_id) as artifact:
        return hashlib.sha256(artifact.file.read()).hexdigest()


def work_until_ended(resources: Resources, url: str, root: Path, job_id: int) -> None:
    """Run the job until it has ended: a second worker confirms that an object is missing."""

    def ended() -> bool:
        work(url, root)
        return get_job(resources, job_id).status.is_terminal

    eventually(ended, every=0.2, what=f"job {job_id} has ended")


def failed_with(resources: Resources, job_id: int, code: ErrorCode) -> bool:
    """Whether the job has FAILED, for this reason."""
    job = get_job(resources, job_id)
    return job.status is JobStatus.FAILED and job.error is not None and job.error.code == code


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_artifact_is_neither_handed_out_nor_used_and_is_found(
    resources: Resources, database_url: str, tmp_path: Path, kind: str
) -> None:
    root = tmp_path / "storage"
    dataset_id = ready_data(resources, database_url, root)
    train = submit_train(resources, dataset_id)
    assert work(database_url, root)
    model = models(resources)[train]
    assert readable_sha256(resources, model.id) == model.artifact_sha256
    damage(kind, str(stored_path(resources.storage, model.artifact_key)))
    with pytest.raises(Unavailable, match="damaged or gone"):
        readable_sha256(resources, model.id)
    test = submit_job(resources, {"job_type": "TEST", "model_id": model.id, "dataset_id": dataset_id}).id
    work_until_ended(resources, database_url, root, test)
    assert failed_with(resources, test, ErrorCode.INTEGRITY)
    [found] = violations(resources.database, resources.storage, sweep_age_seconds=3600.0)
    assert f"model {model.id} " in found
    again = submit_train(resources, dataset_id)
    assert work(database_url, root)
    assert get_job(resources, again).status is JobStatus.COMPLETED
    for healed in (model, models(resources)[again]):
        assert readable_sha256(resources, healed.id) == model.artifact_sha256, "the same training repairs the bytes"
    check(resources)


def test_an_artifact_exchanged_for_that_of_another_model_is_not_used(
    resources: Resources, database_url: str, tmp_path: Path
) -> None:
    root = tmp_path / "storage"
    dataset_id = ready_data(resources, database_url, root)
    job_ids = [submit_train(resources, dataset_id, rounds=rounds) for rounds in (5, 6)]
    assert all(work(database_url, root) for _ in job_ids)
    mine, other = (models(resources)[job_id] for job_id in job_ids)
    shutil.copy(stored_path(resources.storage, other.artifact_key), stored_path(resources.storage, mine.artifact_key))
    test = submit_job(resources, {"job_type": "TEST", "model_id": mine.id, "dataset_id": dataset_id}).id
    assert work(database_url, root)
    assert failed_with(resources, test, ErrorCode.INTEGRITY), "a whole archive that any reader would take"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "point",
    [None, "index verified", pytest.param("checkpoint 5 kept", marks=pytest.mark.faults), "trained"],
)
def test_a_data_set_changed_before_or_while_it_is_used_makes_no_model(
    resources: Resources, database_url: str, tmp_path: Path, kind: str, point: str | None
) -> None:
    root = tmp_path / "storage"
    dataset_id = ready_data(resources, database_url, root)
    job_id = submit_train(resources, dataset_id)
    index_key = get_dataset(resources, dataset_id).index_key
    assert index_key is not None
    act = partial(damage, kind, str(stored_path(resources.storage, index_key)))
    if point is None:
        act()
    else:
        assert work(database_url, root, point=point, act=act)
    work_until_ended(resources, database_url, root, job_id)
    assert failed_with(resources, job_id, ErrorCode.DATASET_CHANGED)
    assert models(resources) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_an_upload_damaged_before_it_is_parsed_is_rejected_with_that_reason(
    resources: Resources, database_url: str, tmp_path: Path, kind: str
) -> None:
    root = tmp_path / "storage"
    first = ready_data(resources, database_url, root)
    dataset = get_dataset(resources, first)
    stored = StoredObject(dataset.raw_key, dataset.raw_sha256, dataset.raw_bytes)
    second = accept_upload(resources, name="again", file_format="csv", stored=stored)
    damage(kind, str(stored_path(resources.storage, dataset.raw_key)))
    assert second.job_id is not None
    work_until_ended(resources, database_url, root, second.job_id)
    found = get_dataset(resources, second.id)
    assert found.status is DatasetStatus.REJECTED
    assert found.job_id is not None
    assert failed_with(resources, found.job_id, ErrorCode.INTEGRITY)
