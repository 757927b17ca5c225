"""A broker that freezes, dies or forgets everything while a fleet works: jobs are late, none is lost."""

import time

import psutil
import pytest
import redis

from ml_training.domain.states import JobStatus
from ml_training.services import queries
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet
from tests.support.fleet_jobs import MIDDLE, SMALL, ended, running, train
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.slow


def test_a_frozen_broker_delays_jobs_but_stops_neither_training_nor_leases(
    stack: RunningFleet, own_redis: RedisServer, large: int, small: int
) -> None:
    job = running(stack, train(stack, large, params=MIDDLE).id)
    with frozen(own_redis.process.pid):
        started = time.monotonic()
        waiting = [train(stack, small, params=SMALL) for _ in range(3)]
        assert time.monotonic() - started < 3, "the first waits for its budget, the others do not try"
        before = queries.get_job(stack.resources, job.id).progress
        eventually(lambda: queries.get_job(stack.resources, job.id).progress > before, what="training continues")
    for accepted in [job, *waiting]:
        found = ended(stack, accepted.id)
        assert (found.status, found.attempt) == (JobStatus.COMPLETED, 1)
    stack.check()


def test_a_broker_that_dies_and_forgets_everything_loses_no_job(
    stack: RunningFleet, own_redis: RedisServer, small: int
) -> None:
    with redis.Redis.from_url(own_redis.url) as client:
        client.flushall()
    own_redis.kill()
    accepted = [train(stack, small, params=SMALL) for _ in range(3)]
    own_redis.restart()
    for job in accepted:
        assert ended(stack, job.id).status is JobStatus.COMPLETED
    stack.check()


class frozen:  # noqa: N801 - reads like the state it makes
    """A process that is stopped inside the block."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def __enter__(self) -> None:
        self._process.suspend()

    def __exit__(self, *_: object) -> None:
        self._process.resume()
