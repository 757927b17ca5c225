"""The API while its database or its broker is away, and when everybody comes back at once."""

import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import redis
from sqlalchemy import text
from structlog.testing import capture_logs

from ml_training.db.engine import open_database
from ml_training.db.migrate import migrate
from ml_training.domain.states import JobStatus
from ml_training.execution.run_job import run_next
from ml_training.maintenance.relay import relay_once
from ml_training.queue.permits import open_permits
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_job
from tests.support.api import ready_dataset, train_spec
from tests.support.api_process import Api, running_api
from tests.support.eventually import eventually
from tests.support.jobs import read_job, store_dataset, store_job, train_at_once
from tests.support.maintenance import maintained, one_slot
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.redis_server import RedisServer, start_redis
from tests.support.wiring import make_worker_context

pytestmark = pytest.mark.slow
CLIENTS = 30
SLOWEST_POST = 2.5  # seconds; one call may wait for the broker's budget of a second


@pytest.fixture
def own_postgres(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A server that the test may stop, with a migrated database called `own`."""
    with postgres_server() as server:
        server.execute("CREATE DATABASE own")
        database = open_database(server.url("own"))
        migrate(database)
        database.dispose()
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A broker that the test may hurt."""
    server = start_redis(tmp_path / "redis")
    yield server
    server.stop()


def post(api: Api, spec: dict[str, Any], key: str) -> httpx.Response | None:
    """One try; None without an answer."""
    try:
        return api.client.post("/api/v1/jobs", json=spec, headers={"Idempotency-Key": key})
    except httpx.TransportError:
        return None


def until_accepted(api: Api, spec: dict[str, Any]) -> tuple[int, set[int]]:
    """A client that repeats its request under one key: the id of its job, and every status it met."""
    key, met, pause = uuid.uuid4().hex, set(), threading.Event()
    while True:
        answer = post(api, spec, key)
        if answer is not None:
            met.add(answer.status_code)
            if answer.status_code == 202:
                return int(answer.json()["id"]), met
            assert answer.status_code == 503, answer.text
            assert int(answer.headers["Retry-After"]) >= 1
        pause.wait(0.2)


def test_a_database_that_stops_in_mid_load_costs_answers_but_no_job_and_no_duplicate(
    own_postgres: PostgresServer, own_redis: RedisServer, tmp_path: Path
) -> None:
    with running_api(tmp_path, own_postgres.url("own"), own_redis.url) as api:
        spec = train_spec(ready_dataset(api.resources))
        with ThreadPoolExecutor(CLIENTS) as pool:
            wanted = [pool.submit(until_accepted, api, spec) for _ in range(4 * CLIENTS)]
            eventually(lambda: any(one.done() for one in wanted), what="the load has begun")
            own_postgres.stop()
            refused = eventually(lambda: not_now(api, spec), what="503 while the database is away")
            assert int(refused.headers["Retry-After"]) >= 1
            assert api.client.get("/api/v1/health/live").status_code == 200
            own_postgres.start()
            found = [one.result(60) for one in wanted]
        ids = [job_id for job_id, _ in found]
        assert len(set(ids)) == len(ids)
        with api.resources.database.read() as connection:
            rows = set(connection.execute(text("SELECT id FROM jobs")).scalars())
        assert rows == set(ids), "not a row that no 202 names"
        context = make_worker_context(api.resources.database, tmp_path, train_at_once)
        while run_next(context):
            pass
        assert all(read_job(api.resources.database, job_id).status is JobStatus.COMPLETED for job_id in ids)


def not_now(api: Api, spec: dict[str, Any]) -> httpx.Response | None:
    """The answer, when it is 503."""
    answer = post(api, spec, "of one who only asks")
    return answer if answer is not None and answer.status_code == 503 else None


def test_a_frozen_broker_delays_no_answer_of_the_api(database_url: str, own_redis: RedisServer, tmp_path: Path) -> None:
    with running_api(tmp_path, database_url, own_redis.url) as api:
        spec, server = train_spec(ready_dataset(api.resources)), psutil.Process(own_redis.process.pid)
        server.suspend()
        try:
            times = [timed(api, spec) for _ in range(40)]
        finally:
            server.resume()
        assert max(times) < SLOWEST_POST
        assert statistics.median(times) < 0.5, "the first ones wait for the budget, the others do not try"
        one_slot(api.resources)
        eventually(lambda: are_sent(api.resources), what="permits are sent again")


def are_sent(resources: Resources) -> bool:
    """Whether the relay sends permits, or the API has sent some after all: the upload's was there before."""
    return relay_once(resources) > 0 or (resources.permits.waiting() or 0) > 1


def timed(api: Api, spec: dict[str, Any]) -> float:
    """How long a POST took that was accepted."""
    started = time.monotonic()
    answer = post(api, spec, uuid.uuid4().hex)
    assert answer is not None
    assert answer.status_code == 202, answer.text
    return time.monotonic() - started


def test_a_full_broker_takes_no_permits_and_drains_when_there_is_room(
    resources: Resources, own_redis: RedisServer, tmp_path: Path
) -> None:
    spec = train_spec(ready_dataset(resources))
    full = replace(resources, permits=open_permits(own_redis.url, budget=1.0))
    with redis.Redis.from_url(own_redis.url) as client:
        client.config_set("maxmemory", 1)
        with capture_logs() as logs:
            job_ids = [submit_job(full, spec).id for _ in range(3)]
            eventually(lambda: any(line["event"] == "permit_not_sent" for line in logs), what="a permit was refused")
        client.config_set("maxmemory", 0)
        assert full.permits.waiting() == 0, "the broker took none"
    one_slot(resources)
    assert eventually(lambda: relay_once(full), what="the relay sends what was missing") >= 1
    full.permits.close()
    context = make_worker_context(resources.database, tmp_path, train_at_once)
    assert [run_next(context) for _ in job_ids] == [True] * len(job_ids)


def test_permits_repeated_reordered_and_forged_run_each_job_once(resources: Resources, tmp_path: Path) -> None:
    dataset_id = store_dataset(resources.database)
    job_ids = [store_job(resources.database, dataset_id=dataset_id) for _ in range(10)]
    resources.permits.send(5 * len(job_ids) + 100)
    context = make_worker_context(resources.database, tmp_path, train_at_once)
    with ThreadPoolExecutor(8) as pool:  # each message is one call, whatever it says
        ran = list(pool.map(lambda _: run_next(context), range(resources.permits.waiting() or 0)))
    assert sum(ran) == len(job_ids)
    assert {read_job(resources.database, job_id).attempt for job_id in job_ids} == {1}


def test_everybody_coming_back_at_once_is_no_second_outage(
    own_postgres: PostgresServer, own_redis: RedisServer, tmp_path: Path
) -> None:
    with running_api(tmp_path, own_postgres.url("own"), own_redis.url) as api:
        spec = train_spec(ready_dataset(api.resources))
        dataset_id = store_dataset(api.resources.database)
        backlog = [store_job(api.resources.database, dataset_id=dataset_id) for _ in range(300)]
        one_slot(api.resources)
        own_redis.kill()
        own_postgres.stop()
        with ThreadPoolExecutor(100) as pool, maintained(api.resources):
            wanted = [pool.submit(until_accepted, api, spec) for _ in range(100)]
            eventually(lambda: not_now(api, spec), what="503 while the database is away")
            own_postgres.start()
            own_redis.restart()
            ids = {one.result(120)[0] for one in wanted}
            waiting = eventually(api.resources.permits.waiting, what="permits wait again")
            assert waiting <= 2 + len(ids), "two a slot, and what the API sent itself: not one a job of the backlog"
        assert len(ids) == 100
        context = make_worker_context(api.resources.database, tmp_path, train_at_once)
        ran = 0
        while run_next(context):
            ran += 1
        assert ran == len(ids) + len(backlog)


def test_eight_writers_beside_a_reader_that_stays_see_no_locked_database(
    new_sqlite: Callable[[], str],
) -> None:
    url = new_sqlite()
    databases = [open_database(url, pool_size=1) for _ in range(8)]
    dataset_id = store_dataset(databases[0])
    reader = open_database(url)
    with reader.read() as connection, ThreadPoolExecutor(8) as pool:
        before = connection.execute(text("SELECT count(*) FROM jobs")).scalar_one()
        done = list(pool.map(lambda n: store_job(databases[n % 8], dataset_id=dataset_id), range(240)))
        assert connection.execute(text("SELECT count(*) FROM jobs")).scalar_one() == before, "its own snapshot"
    assert len(set(done)) == 240
    for database in (reader, *databases):
        database.dispose()
