"""Workers killed at random under load, again and again: every job ends once, with the right model."""

import random
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from ml_training.domain.errors import ErrorCode
from ml_training.domain.states import JobStatus
from ml_training.services import queries
from ml_training.services.resources import Resources
from tests.support.crashing_worker import serve, work
from tests.support.datasets import ready_sample
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.maintenance import maintained
from tests.support.redis_server import start_redis
from tests.support.small_jobs import check, models, ready_data, submit_train

CHARGED = 3


def all_ended(resources: Resources) -> bool:
    """Whether no job waits or runs."""
    with resources.database.read() as connection:
        open_jobs = connection.execute(text("SELECT count(*) FROM jobs WHERE finished_at IS NULL")).scalar_one()
    return int(open_jobs) == 0


def runs(resources: Resources) -> bool:
    """Whether any job runs."""
    with resources.database.read() as connection:
        return connection.execute(text("SELECT 1 FROM jobs WHERE status = 'RUNNING' LIMIT 1")).first() is not None


def losses(resources: Resources) -> dict[int, int]:
    """Lost attempts by job."""
    with resources.database.read() as connection:
        rows = connection.execute(text("SELECT job_id, count(*) FROM lost_attempts GROUP BY job_id"))
        return {int(row[0]): int(row[1]) for row in rows}


def judge(resources: Resources, job_ids: list[int], artifact: str) -> int:
    """Each job has its one right model, or was given up after three losses; how many losses there were."""
    found, lost = models(resources), losses(resources)
    for job_id in job_ids:
        job = queries.get_job(resources, job_id)
        if job.status is JobStatus.FAILED:
            assert job.error is not None
            assert (job.error.code, lost[job_id]) == (ErrorCode.POISON, CHARGED)
            assert job_id not in found
        else:
            assert job.status is JobStatus.COMPLETED, job
            assert (found[job_id].artifact_sha256, found[job_id].attempt) == (artifact, job.attempt)
    return sum(lost.values())


@pytest.mark.slow
def test_twenty_kills_under_load(resources: Resources, database_url: str, tmp_path: Path) -> None:
    root, chance = tmp_path / "storage", random.Random(3)
    dataset_id = ready_data(resources, database_url, root)
    first = submit_train(resources, dataset_id)
    assert work(database_url, root)
    job_ids = [submit_train(resources, dataset_id) for _ in range(15)]
    pause = threading.Event()
    with maintained(resources), ExitStack() as stack:
        workers = [serve(database_url, root) for _ in range(3)]
        stack.callback(lambda: [worker.kill() for worker in workers])
        for kill in range(20):
            eventually(lambda: runs(resources) or all_ended(resources), what="a job runs")
            pause.wait(chance.uniform(0.0, 0.1))
            number = chance.randrange(len(workers))
            workers[number].kill()
            workers[number].join(10)
            workers[number] = serve(database_url, root)
            if kill % 4 == 0 or all_ended(resources):
                job_ids.append(submit_train(resources, dataset_id))
        eventually(lambda: all_ended(resources), what="every job has ended")
    assert judge(resources, job_ids, models(resources)[first].artifact_sha256) >= 1
    check(resources)


@contextmanager
def three_workers(directory: Path, template: bytes) -> Iterator[RunningFleet]:
    """Three real workers with a slot each, over SQLite."""
    (directory / "jobs.db").write_bytes(template)
    redis = start_redis(directory / "redis")
    url = f"sqlite:///{directory / 'jobs.db'}"
    try:
        with running_fleet(directory, database_url=url, broker_url=redis.url) as stack:
            for name in ("second", "third"):
                stack.fleet.start_worker(name)
            yield stack
    finally:
        redis.stop()


@pytest.mark.faults
@pytest.mark.timeout(3_600)
def test_a_hundred_kills_of_whole_workers_under_load(tmp_path: Path, sqlite_template: bytes) -> None:
    chance, pause, names = random.Random(5), threading.Event(), ("worker", "second", "third")
    with three_workers(tmp_path, sqlite_template) as stack:
        dataset_id = ready_sample(stack.resources).id
        first = submit_train(stack.resources, dataset_id)
        assert queries.wait_for_job(stack.resources, first, seconds=60).status is JobStatus.COMPLETED
        job_ids: list[int] = []
        for _ in range(100):
            job_ids += [submit_train(stack.resources, dataset_id) for _ in range(3)]
            pause.wait(chance.uniform(0.2, 4.0))
            name = chance.choice(names)
            stack.fleet.signal(name, signal.SIGKILL)
            stack.fleet.processes.pop(name).wait(60)
            stack.fleet.start(name, "workers")
        eventually(lambda: all_ended(stack.resources), within=600, every=0.5, what="every job has ended")
        judge(stack.resources, job_ids, models(stack.resources)[first].artifact_sha256)
        stack.check()
