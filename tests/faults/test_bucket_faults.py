"""A bucket that is away for a minute, full, slow, or lies: jobs wait and continue, and wrong bytes are never used."""

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ml_training.domain.errors import ErrorCode
from ml_training.domain.retry import EndReason
from ml_training.domain.states import DatasetStatus, JobStatus
from ml_training.services.datasets import accept_upload, store_upload
from ml_training.services.queries import get_dataset, get_job
from ml_training.services.resources import Resources, build_resources
from tests.support.datasets import generated_csv, generated_parquet, upload
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.redis_server import RedisServer
from tests.support.s3_proxy import Exchange, S3Proxy, Trouble, away, lie, refusing, s3_proxy_to, slow
from tests.support.s3_server import BUCKET, KEY_ID, SECRET, S3Server
from tests.support.small_jobs import models, submit_train
from tools.chaos.bucket_trouble import full

pytestmark = [pytest.mark.slow, pytest.mark.faults]
AWAY_SECONDS = 60.0  # twice as long as a request is repeated
SLOW_BYTES_A_SECOND = 1e6
LONG_ROUNDS = 3_000


@pytest.fixture
def proxy(rclone: S3Server) -> Iterator[S3Proxy]:
    with s3_proxy_to(rclone.port) as proxy:
        yield proxy


@pytest.fixture
def stack(
    database_url: str, own_redis: RedisServer, rclone: S3Server, proxy: S3Proxy, tmp_path: Path
) -> Iterator[RunningFleet]:
    """Maintenance and one worker with one slot behind the proxy; the core of the test asks the bucket itself."""
    settings = {
        "storage_url": f"s3://{BUCKET}/{rclone.address().prefix}",
        "s3_access_key_id": KEY_ID,
        "s3_secret_access_key": SECRET,
        "checkpoint_seconds": "0.2",
        "worker_poll_seconds": "1",
    }
    behind = f"http://127.0.0.1:{proxy.port}"
    with running_fleet(
        tmp_path, database_url=database_url, broker_url=own_redis.url, s3_endpoint=behind, **settings
    ) as stack:
        own = stack.settings.model_copy(update={"s3_endpoint": rclone.url, "data_dir": tmp_path / "desk"})
        resources = build_resources(own).of(stack.resources.project_id)
        yield replace(stack, resources=resources)
        resources.close()


def completed(resources: Resources, job_id: int) -> None:
    """Wait until the job has ended; it must be COMPLETED without the loss of a worker."""
    eventually(lambda: get_job(resources, job_id).status.is_terminal, within=300, what=f"job {job_id} has ended")
    job = get_job(resources, job_id)
    assert job.status is JobStatus.COMPLETED, job
    with resources.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM lost_attempts").scalar_one() == 0


def test_jobs_wait_for_a_bucket_that_is_away_for_a_minute_and_continue(stack: RunningFleet, proxy: S3Proxy) -> None:
    resources = stack.resources
    data = upload(resources, generated_csv(2_000, 8))
    running = submit_train(resources, data.id, rounds=LONG_ROUNDS)
    eventually(lambda: get_job(resources, running).progress > 0, what="it runs")
    with proxy.troubled(away):
        back_at = time.monotonic() + AWAY_SECONDS
        waiting = [submit_train(resources, data.id, seed=seed) for seed in range(3)]
        handed_back = eventually(
            lambda: job if (job := get_job(resources, running)).status is JobStatus.PENDING else None,
            what="the running job is handed back when its next checkpoint cannot be stored",
        )
        assert handed_back.progress_message == EndReason.INFRASTRUCTURE.message
        threading.Event().wait(max(0.0, back_at - time.monotonic()))  # how long it lasts is the fault
        assert {get_job(resources, job_id).attempt for job_id in waiting} == {0}, "nobody claims what he cannot do"
    for job_id in (running, *waiting):
        completed(resources, job_id)
    again = submit_train(resources, data.id, rounds=LONG_ROUNDS)
    completed(resources, again)
    assert models(resources)[running].artifact_sha256 == models(resources)[again].artifact_sha256
    stack.check()


@pytest.mark.parametrize("kind", ["full", "overloaded"])
def test_a_job_waits_for_a_bucket_that_takes_nothing_and_has_its_model_when_it_does(
    stack: RunningFleet, proxy: S3Proxy, kind: str
) -> None:
    resources = stack.resources
    data = upload(resources, generated_csv(500, 4))
    with proxy.troubled({"full": full, "overloaded": takes_no_writes}[kind]):
        job_id = submit_train(resources, data.id)
        eventually(
            lambda: get_job(resources, job_id).progress_message == EndReason.INFRASTRUCTURE.message,
            what="it is handed back",
        )
        assert models(resources) == {}
    completed(resources, job_id)
    assert len(models(resources)) == 1
    stack.check()


def takes_no_writes(exchange: Exchange) -> None:
    """Reads pass, and every write is answered SlowDown."""
    if exchange.method in ("PUT", "POST"):
        refusing(503, "SlowDown")(exchange)
    else:
        exchange.forward()


def test_a_bucket_at_a_megabyte_a_second_costs_time_and_no_lease(stack: RunningFleet, proxy: S3Proxy) -> None:
    resources = stack.resources
    body = generated_parquet(60_000, 15)
    assert len(body) / SLOW_BYTES_A_SECOND > 2 * stack.settings.lease_seconds
    with proxy.troubled(slow(SLOW_BYTES_A_SECOND)):
        data = upload(resources, body, file_format="parquet")
        assert data.status is DatasetStatus.READY, data
        job_id = submit_train(resources, data.id)
        completed(resources, job_id)
    assert (get_job(resources, data.job_id or 0).attempt, get_job(resources, job_id).attempt) == (1, 1)
    stack.check()


def test_wrong_bytes_of_a_bucket_are_never_used(stack: RunningFleet, proxy: S3Proxy) -> None:
    resources, body = stack.resources, generated_csv(500, 4)
    data = upload(resources, body)
    first = submit_train(resources, data.id)
    completed(resources, first)
    empty_cache(stack)
    with proxy.troubled(lying_about("/indexes/", "/uploads/")):
        deceived = submit_train(resources, data.id, seed=1)
        stored = store_upload(resources, "csv", [generated_csv(500, 4, seed=1)])
        rejected = accept_upload(resources, name="second", file_format="csv", stored=stored)
        for job_id, code in ((deceived, ErrorCode.DATASET_CHANGED), (rejected.job_id or 0, ErrorCode.INTEGRITY)):
            eventually(lambda job_id=job_id: get_job(resources, job_id).status.is_terminal, what="it has ended")  # type: ignore[misc]
            job = get_job(resources, job_id)
            assert (job.status, job.error and job.error.code) == (JobStatus.FAILED, code)
    assert get_dataset(resources, rejected.id).status is DatasetStatus.REJECTED
    assert list(models(resources)) == [first], "no model of wrong bytes"
    again = submit_train(resources, data.id)
    completed(resources, again)
    assert models(resources)[again].artifact_sha256 == models(resources)[first].artifact_sha256
    stack.check()


def empty_cache(stack: RunningFleet) -> None:
    """The worker begins anew, as on a new machine: it must fetch everything."""
    stack.fleet.stop("worker")
    shutil.rmtree(stack.settings.cache_directory)
    stack.fleet.start_worker()


def lying_about(*folders: str) -> Trouble:
    """What is read from these folders has a wrong bit, each time."""

    def trouble(exchange: Exchange) -> None:
        if any(folder in exchange.path for folder in folders):
            lie(exchange)
        else:
            exchange.forward()

    return trouble
