"""kill -9, and cancel, at any point of a job's way: the very result of an undisturbed run, or none."""

import threading
from functools import partial
from pathlib import Path

import pytest

from ml_training.db.checkpoints import list_checkpoints
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from ml_training.domain.errors import Conflict
from ml_training.domain.records import Model
from ml_training.domain.states import JobStatus
from ml_training.services.cancel import request_cancel
from ml_training.services.queries import get_job
from ml_training.services.resources import Resources, build_resources
from ml_training.settings import Settings
from tests.support.crashing_worker import PAST_A_CHECKPOINT, POINTS, PREDICT_POINTS, work
from tests.support.eventually import eventually
from tests.support.exporter import DEAD_BROKER
from tests.support.small_jobs import (
    after_the_fault,
    check,
    log_of,
    models,
    predictions,
    ready_data,
    reaped,
    submit_predict,
    submit_train,
)

pytestmark = pytest.mark.slow
ALWAYS = {  # the others take as long again and are left to `make faults`
    "before the claim",
    "claimed, not committed",
    "claimed",
    "index verified",
    "first checkpoint not synced",
    "checkpoint 5 without a row",
    "checkpoint 5 kept",
    "artifact not renamed",
    "artifact stored",
    "completed, not committed",
    "verdict committed",
}
EACH_POINT = [pytest.param(point, marks=() if point in ALWAYS else pytest.mark.faults) for point in POINTS]


def resources_of(url: str, directory: Path) -> Resources:
    """A core without a broker."""
    return build_resources(
        Settings.model_validate({"database_url": url, "broker_url": DEAD_BROKER, "data_dir": directory})
    ).of(DEFAULT_PROJECT_ID)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Model:
    """The model of an undisturbed run, made elsewhere: none of its bytes are in the way of the others."""
    place = tmp_path_factory.mktemp("whole")
    (place / "jobs.db").write_bytes(sqlite_template)
    url = f"sqlite:///{place / 'jobs.db'}"
    resources = resources_of(url, place)
    job_id = submit_train(resources, ready_data(resources, url, place / "storage"))
    assert work(url, place / "storage")
    found = models(resources)[job_id]
    resources.close()
    return found


@pytest.mark.parametrize("point", EACH_POINT)
def test_killed_at_any_point_a_job_ends_with_the_model_of_an_undisturbed_run(
    resources: Resources, database_url: str, tmp_path: Path, whole: Model, point: str
) -> None:
    root = tmp_path / "storage"
    job_id = submit_train(resources, ready_data(resources, database_url, root))
    assert not work(database_url, root, point=point), "it was killed"
    with resources.database.read() as connection:
        kept = bool(list_checkpoints(connection, job_id))
    assert kept or point not in PAST_A_CHECKPOINT
    attempts = after_the_fault(resources, database_url, root, job_id)
    job, found = get_job(resources, job_id), models(resources)[job_id]
    assert (job.status, job.attempt, found.attempt) == (JobStatus.COMPLETED, attempts, attempts)
    assert (found.artifact_sha256, found.scores) == (whole.artifact_sha256, whole.scores)
    assert ("resuming from a checkpoint after" in log_of(resources, job_id)) is (kept and attempts == 2)
    check(resources)


@pytest.mark.parametrize("point", PREDICT_POINTS)
def test_killed_at_any_point_a_prediction_is_there_once_with_the_bytes_of_an_undisturbed_run(
    resources: Resources, database_url: str, tmp_path: Path, point: str
) -> None:
    root = tmp_path / "storage"
    dataset_id = ready_data(resources, database_url, root)
    submit_train(resources, dataset_id)
    assert work(database_url, root)
    undisturbed = submit_predict(resources, dataset_id)
    assert work(database_url, root)
    whole = predictions(resources)[undisturbed]
    resources.storage.delete(whole.object_key)  # so that the bytes must be written again
    job_id = submit_predict(resources, dataset_id)
    assert not work(database_url, root, point=point), "it was killed"
    attempts = after_the_fault(resources, database_url, root, job_id)
    job, found = get_job(resources, job_id), predictions(resources)[job_id]
    assert (job.status, job.attempt, found.attempt) == (JobStatus.COMPLETED, attempts, attempts)
    assert (found.sha256, found.rows, found.bytes) == (whole.sha256, whole.rows, whole.bytes)
    check(resources)


@pytest.mark.parametrize("point", PREDICT_POINTS)
def test_a_prediction_cancelled_at_any_point_never_completes_once_the_cancel_was_accepted(
    resources: Resources, database_url: str, tmp_path: Path, point: str
) -> None:
    root, answer = tmp_path / "storage", tmp_path / "answer"
    dataset_id = ready_data(resources, database_url, root)
    submit_train(resources, dataset_id)
    assert work(database_url, root)
    job_id = submit_predict(resources, dataset_id)
    ask = partial(cancel_beside, database_url, str(tmp_path), job_id, str(answer))
    assert work(database_url, root, point=point, act=ask)
    wanted = end_after(resources, job_id, answer)
    assert (job_id in predictions(resources)) is (wanted is JobStatus.COMPLETED)
    check(resources)


def end_after(resources: Resources, job_id: int, answer: Path) -> JobStatus:
    """The end that the answer to the cancel promised; the job must have it."""
    if get_job(resources, job_id).status is JobStatus.RUNNING:
        eventually(lambda: reaped(resources), what="the lease has ended")
    wanted = {"202": JobStatus.CANCELLED, "409": JobStatus.COMPLETED}[answer.read_text(encoding="utf-8")]
    assert get_job(resources, job_id).status is wanted
    return wanted


def cancel_beside(url: str, directory: str, job_id: int, answer: str) -> None:
    """Ask for a cancel over a connection of its own, and note what was answered; gives way to whoever has the row."""
    resources = resources_of(url, Path(directory))

    def ask() -> None:
        try:
            request_cancel(resources, job_id)
        except Conflict:
            Path(answer).write_text("409", encoding="utf-8")
        else:
            Path(answer).write_text("202", encoding="utf-8")

    thread = threading.Thread(target=ask)  # no daemon: the process stays until it has its answer
    thread.start()
    thread.join(0.3)


@pytest.mark.parametrize("point", EACH_POINT)
def test_a_job_cancelled_at_any_point_never_completes_once_the_cancel_was_accepted(
    resources: Resources, database_url: str, tmp_path: Path, point: str
) -> None:
    root, answer = tmp_path / "storage", tmp_path / "answer"
    job_id = submit_train(resources, ready_data(resources, database_url, root))
    ask = partial(cancel_beside, database_url, str(tmp_path), job_id, str(answer))
    if point == "before the claim":
        ask()
    else:
        assert work(database_url, root, point=point, act=ask)
    wanted = end_after(resources, job_id, answer)
    assert (job_id in models(resources)) is (wanted is JobStatus.COMPLETED)
    check(resources)
