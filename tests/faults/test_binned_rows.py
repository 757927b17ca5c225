"""The cache of binned rows below a real worker: whatever happens to it or to the worker, the models are the same."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ml_training.domain.errors import ErrorCode
from ml_training.domain.states import JobStatus
from ml_training.services.queries import get_dataset, get_job
from ml_training.services.resources import Resources
from tests.support.crashing_worker import binned_rows, work
from tests.support.eventually import eventually
from tests.support.maintenance import maintained
from tests.support.small_jobs import check, log_of, models, ready_data, submit_train
from tests.support.stored_files import stored_path

pytestmark = pytest.mark.slow
HIT = "the bins of the features were kept by an earlier job"


def entries(root: Path) -> list[Path]:
    """What every later job would find."""
    return sorted(path for path in binned_rows(root).root.glob("*") if path.is_file())


def trained(resources: Resources, url: str, root: Path, dataset_id: int, *, rounds: int = 20) -> tuple[str, bool]:
    """The SHA-256 of the model of one more job, and whether it started from the cache."""
    job_id = submit_train(resources, dataset_id, rounds=rounds)
    assert work(url, root)
    return models(resources)[job_id].artifact_sha256, HIT in log_of(resources, job_id)


def test_a_second_training_on_the_same_rows_starts_from_the_bins_of_the_first(
    resources: Resources, database_url: str, tmp_path: Path
) -> None:
    root = tmp_path / "storage"
    dataset_id = ready_data(resources, database_url, root)
    first, hit = trained(resources, database_url, root, dataset_id)
    assert not hit
    assert len(entries(root)) == 2, "the rows to learn from, and those that are held out"
    assert trained(resources, database_url, root, dataset_id) == (first, True)
    other = trained(resources, database_url, root, dataset_id, rounds=5)
    for path in entries(root):
        path.unlink()
    assert (trained(resources, database_url, root, dataset_id, rounds=5)[0], True) == other
    check(resources)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "flipped": _flip,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "foreign": lambda path: path.write_bytes(b"______LightGBM_Binary_File_Token______\n" * 1_000) and None,
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_entry_is_made_again_and_changes_no_model(
    resources: Resources, database_url: str, tmp_path: Path, kind: str
) -> None:
    root = tmp_path / "storage"
    dataset_id = ready_data(resources, database_url, root)
    first, _ = trained(resources, database_url, root, dataset_id)
    good = [path.read_bytes() for path in entries(root)]
    for path in entries(root):
        DAMAGE[kind](path)
    assert trained(resources, database_url, root, dataset_id) == (first, False)
    assert [path.read_bytes() for path in entries(root)] == good
    assert trained(resources, database_url, root, dataset_id) == (first, True)


def test_rows_that_were_read_while_the_data_were_damaged_are_not_kept(
    resources: Resources, database_url: str, tmp_path: Path
) -> None:
    root = tmp_path / "storage"
    dataset_id = ready_data(resources, database_url, root)
    job_id, index_key = submit_train(resources, dataset_id), get_dataset(resources, dataset_id).index_key
    assert index_key is not None
    [file] = stored_path(resources.storage, index_key).iterdir()
    good = file.read_bytes()
    assert work(database_url, root, point="trained", act=partial(_flip, file))
    error = get_job(resources, job_id).error
    assert error is not None
    assert error.code == ErrorCode.DATASET_CHANGED
    assert entries(root) == []
    file.write_bytes(good)
    assert not trained(resources, database_url, root, dataset_id)[1]


@pytest.mark.parametrize("point", ["in round 3", "trained", "artifact stored"])
def test_a_killed_worker_leaves_no_half_of_an_entry(
    resources: Resources, database_url: str, tmp_path: Path, point: str
) -> None:
    root = tmp_path / "storage"
    dataset_id = ready_data(resources, database_url, root)
    job_id = submit_train(resources, dataset_id)
    assert not work(database_url, root, point=point)
    published = point == "artifact stored"
    assert len(entries(root)) == (2 if published else 0)
    with maintained(resources):
        eventually(lambda: work(database_url, root), every=0.2, what="another worker has run the job")
    assert get_job(resources, job_id).status is JobStatus.COMPLETED
    assert len(entries(root)) == 2
    assert trained(resources, database_url, root, dataset_id) == (models(resources)[job_id].artifact_sha256, True)
    check(resources)
