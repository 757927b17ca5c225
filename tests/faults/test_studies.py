"""Studies under kill -9, with one slot and with several: the trials and the model of an undisturbed run."""

import signal
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from ml_training.db import results, trials
from ml_training.domain.records import Job, Study
from ml_training.domain.states import JobStatus
from ml_training.maintenance.reaper import reap_once
from ml_training.services import queries
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_job
from tests.support.crashing_worker import HALVING_POINTS, STUDY_POINTS, serve, work
from tests.support.eventually import eventually
from tests.support.maintenance import maintained
from tests.support.small_jobs import check, models, ready_data

pytestmark = pytest.mark.slow
KILLS, MANY_KILLS = 6, 50
ALWAYS = {"generation written, not committed", "step committed"}
PLAIN: dict[str, Any] = {}
HALVED: dict[str, Any] = {  # four begin, two continue, one is trained to the end
    "train": {"model_type": "lightgbm", "params": {"n_estimators": 8, "min_child_samples": 5}},
    "search": {"/params/num_leaves": {"low": 2, "high": 12}},
    "halving": {"rungs": 3, "factor": 2},
    "generation": 4,
}
EACH_POINT = [
    *(
        pytest.param(point, PLAIN, marks=() if point in ALWAYS else pytest.mark.faults, id=point)
        for point in STUDY_POINTS
    ),
    *(pytest.param(point, HALVED, marks=pytest.mark.faults, id=f"halving, {point}") for point in HALVING_POINTS),
]
EACH_SLOTS = [
    *(pytest.param(slots, PLAIN, marks=pytest.mark.faults if slots == 2 else ()) for slots in (1, 2, 4)),
    *(pytest.param(slots, HALVED, marks=pytest.mark.faults if slots < 4 else ()) for slots in (1, 2, 4)),
    pytest.param(4, {"trials": MANY_KILLS + 10}, marks=pytest.mark.faults, id="4-many kills"),
]
SEARCH = {
    "/model_type": {"choices": ["logistic_regression", "ridge"]},
    "/params/C": {"low": 0.001, "high": 10.0, "log": True},
    "/params/alpha": {"low": 0.1, "high": 10.0},
}


def submit_study(resources: Resources, dataset_id: int, **fields: Any) -> int:
    """A study of four trials, two at a time; `train` is added to the common one. Its id."""
    spec = {
        "job_type": "TUNE",
        "model_name": "model",
        "train": {"dataset_id": dataset_id, "target": {"column": "target"}, **fields.pop("train", {})},
        "search": SEARCH,
        "metric": "accuracy",
        "trials": 4,
        "generation": 2,
    }
    return submit_job(resources, {**spec, **fields}).id


def outcome(resources: Resources, job_id: int) -> tuple[Sequence[Any], str]:
    """The table of the trials, and the SHA-256 of the model, of a study that has COMPLETED."""
    job = queries.get_job(resources, job_id)
    assert job.status is JobStatus.COMPLETED, job
    with resources.database.read() as connection:
        study = results.get_result(connection, Study, int(job.result_id or 0))
        found = trials.list_trials(connection, job_id, after=0, limit=100)
    assert study is not None
    made = {model.id: model for model in models(resources).values()}
    table = [(trial.number, trial.continues, trial.values, trial.status, trial.score) for trial in found]
    return [*table, study.best_trial, study.details], made[study.best_model_id].artifact_sha256


def has_ended(resources: Resources, job_id: int) -> bool:
    """Whether the study is over."""
    return queries.get_job(resources, job_id).status.is_terminal


def running_jobs(resources: Resources) -> list[Job]:
    """The jobs that a worker holds."""
    found = [job for parent in queries.list_jobs(resources, job_type="TUNE").items for job in family(resources, parent)]
    return [job for job in found if job.status is JobStatus.RUNNING and job.worker is not None]


def family(resources: Resources, parent: Job) -> list[Job]:
    """A study and its jobs."""
    return [parent, *queries.list_jobs(resources, parent_id=parent.id).items]


def reaped(resources: Resources) -> bool:
    """Whether no worker holds a job any more."""
    reap_once(resources)
    return not running_jobs(resources)


@pytest.mark.parametrize(("point", "fields"), EACH_POINT)
def test_killed_once_in_each_job_at_any_point_a_study_ends_as_an_undisturbed_one(
    resources: Resources, database_url: str, tmp_path: Path, point: str, fields: dict[str, Any]
) -> None:
    root = tmp_path / "storage"
    dataset_id = ready_data(resources, database_url, root)
    undisturbed = submit_study(resources, dataset_id, **fields)
    while not has_ended(resources, undisturbed):
        assert work(database_url, root)
    hurt = submit_study(resources, dataset_id, **fields)
    kills = 0
    while not has_ended(resources, hurt):
        if work(database_url, root, point=point):
            continue
        kills += 1
        eventually(lambda: reaped(resources), what="the lease has ended")
        if not has_ended(resources, hurt):
            assert work(database_url, root), "a job was due again"
    assert kills
    assert outcome(resources, hurt) == outcome(resources, undisturbed)
    check(resources)


@pytest.mark.parametrize(("slots", "fields"), EACH_SLOTS)
def test_equal_studies_are_equal_for_any_number_of_slots_and_any_kills(
    resources: Resources, database_url: str, tmp_path: Path, slots: int, fields: dict[str, Any]
) -> None:
    root = tmp_path / "storage"
    dataset_id = ready_data(resources, database_url, root)
    fields = {"generation": 4, "trials": 8, **fields}
    kills = MANY_KILLS if fields["trials"] > MANY_KILLS else KILLS
    undisturbed = submit_study(resources, dataset_id, **fields)
    while not has_ended(resources, undisturbed):
        assert work(database_url, root)
    hurt = submit_study(resources, dataset_id, **fields)
    workers = [serve(database_url, root) for _ in range(slots)]
    killed: set[int] = set()  # jobs, each once: three losses of one would end it
    try:
        with maintained(resources):
            while len(killed) < kills and not has_ended(resources, hurt):
                eventually(lambda: whole_jobs(resources, killed) or has_ended(resources, hurt), what="a job runs")
                for job in whole_jobs(resources, killed):
                    if (worker := holder(workers, job)) is not None:
                        killed.add(job.id)
                        kill(worker)
                        workers.remove(worker)
                        workers.append(serve(database_url, root))
            eventually(lambda: has_ended(resources, hurt), what="the study has ended")
    finally:
        for worker in workers:
            kill(worker)
    assert len(killed) >= (kills if kills == MANY_KILLS else 1)  # a short study may end before the last kill
    assert outcome(resources, hurt) == outcome(resources, undisturbed)
    check(resources)


def whole_jobs(resources: Resources, killed: set[int]) -> list[Job]:
    """The jobs that run and have lost no worker."""
    return [job for job in running_jobs(resources) if job.id not in killed]


def holder(workers: Sequence[BaseProcess], job: Job) -> BaseProcess | None:
    """The process that runs the job; None when it is another one by now."""
    return next((worker for worker in workers if str(job.worker).endswith(f"-{worker.pid}")), None)


def kill(worker: BaseProcess) -> None:
    """kill -9, and wait."""
    if worker.is_alive() and worker.pid is not None:
        worker.kill()
    worker.join(60)
    assert worker.exitcode in (0, -signal.SIGKILL)
