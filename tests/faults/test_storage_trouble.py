"""A disk that is full, slow, broken or full of logs: old bytes stay, no job fails for it, and it mends itself."""

import errno
import os
import resource
import threading
from functools import partial
from multiprocessing import util
from pathlib import Path

import pytest

from ml_training.domain.retry import EndReason
from ml_training.domain.states import JobStatus
from ml_training.services.queries import get_job
from ml_training.services.resources import Resources
from ml_training.storage.local import LocalStorage
from ml_training.training.checkpoint import RESUMING
from tests.support.crashing_worker import work
from tests.support.eventually import eventually
from tests.support.maintenance import maintained
from tests.support.small_jobs import check, log_of, models, ready_data, submit_train


def fill(seconds: float) -> None:
    """From now on no file can grow, as on a full disk; after so many seconds there is room again."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    room = threading.Timer(seconds, resource.setrlimit, (resource.RLIMIT_FSIZE, (hard, hard)))
    room.daemon = True
    room.start()


def stall(seconds: float) -> None:
    """As a disk that takes so long for one call."""
    threading.Event().wait(seconds)


def break_renames() -> None:
    """From now on the file system answers EIO."""

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    LocalStorage._rename = broken  # type: ignore[method-assign, assignment]


def fill_logs() -> None:
    """From now on nothing that is said can be written; given back at the end, for the process's own sake."""
    full = os.open("/dev/full", os.O_WRONLY)
    for descriptor in (1, 2):
        util.Finalize(None, os.dup2, args=(os.dup(descriptor), descriptor), exitpriority=1)
        os.dup2(full, descriptor)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("data set read", marks=pytest.mark.faults),
        "checkpoint 5 kept",
        pytest.param("trained", marks=pytest.mark.faults),
        "row held for the verdict",
    ],
)
def test_a_full_disk_delays_a_job_and_loses_nothing(
    resources: Resources, database_url: str, tmp_path: Path, point: str
) -> None:
    root = tmp_path / "storage"
    dataset_id = ready_data(resources, database_url, root)
    first = submit_train(resources, dataset_id)
    assert work(database_url, root)
    before = models(resources)[first]
    resources.storage.delete(before.artifact_key)  # else the same bytes need no room
    second = submit_train(resources, dataset_id)
    assert work(database_url, root, point=point, act=partial(fill, 1.0))
    job = get_job(resources, second)
    assert job.status in (JobStatus.COMPLETED, JobStatus.PENDING), job
    if job.status is JobStatus.PENDING:
        assert second not in models(resources)
        eventually(lambda: work(database_url, root), every=0.5, what="it is due again and runs")
    job = get_job(resources, second)
    assert job.status is JobStatus.COMPLETED
    assert models(resources)[second].artifact_sha256 == before.artifact_sha256
    assert "lost" not in job.progress_message
    check(resources)


def test_a_store_that_answers_with_an_error_gives_the_job_back_uncharged(
    resources: Resources, database_url: str, tmp_path: Path
) -> None:
    root = tmp_path / "storage"
    job_id = submit_train(resources, ready_data(resources, database_url, root))
    assert work(database_url, root, point="data set read", act=break_renames)
    job = get_job(resources, job_id)
    assert (job.status, job.attempt) == (JobStatus.PENDING, 1)
    assert job.progress_message == EndReason.INFRASTRUCTURE.message
    assert job.run_after > job.created_at
    assert RESUMING not in log_of(resources, job_id)
    eventually(lambda: work(database_url, root), every=0.5, what="it is due again and runs")
    assert get_job(resources, job_id).status is JobStatus.COMPLETED
    check(resources)


@pytest.mark.slow
@pytest.mark.parametrize("point", ["first checkpoint not synced", "artifact not renamed"])
def test_a_slow_disk_does_not_cost_the_lease(
    resources: Resources, database_url: str, tmp_path: Path, point: str
) -> None:
    root = tmp_path / "storage"
    job_id = submit_train(resources, ready_data(resources, database_url, root))
    with maintained(resources):  # a busy machine may itself take seconds for a renewal
        assert work(database_url, root, point=point, act=partial(stall, 10.0), lease=8.0)
    job = get_job(resources, job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)


def test_logs_that_nobody_can_write_stop_no_job(resources: Resources, database_url: str, tmp_path: Path) -> None:
    root = tmp_path / "storage"
    job_id = submit_train(resources, ready_data(resources, database_url, root))
    assert work(database_url, root, point="claimed", act=fill_logs, log_level="DEBUG")
    job = get_job(resources, job_id)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
    check(resources)
