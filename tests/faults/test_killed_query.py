"""A worker that is killed while it runs a query: the query ends at its server, and there is one data set, not two."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ml_training.domain.origins import QueryOrigin
from ml_training.domain.states import DatasetStatus, JobStatus
from ml_training.services.queries import get_dataset, get_job, list_datasets
from ml_training.services.sourced_datasets import accept_origin
from ml_training.sources.sources import Sources
from tests.support.eventually import eventually
from tests.support.fleet import RunningFleet, running_fleet
from tests.support.postgres import PostgresServer
from tests.support.redis_server import RedisServer
from tests.support.warehouse import Warehouse, sources, warehouse_of

pytestmark = pytest.mark.slow
# It waits as long as there is no table with the name go.
QUERY = """SELECT n, pg_sleep(CASE WHEN to_regclass('go') IS NULL THEN 3600 ELSE 0 END)::text AS t
FROM generate_series(1, 9) AS n"""


@pytest.fixture
def warehouse(postgres: PostgresServer) -> Iterator[Warehouse]:
    with warehouse_of(postgres) as found:
        yield found


@pytest.fixture
def stack(
    tmp_path: Path,
    sqlite_template: bytes,
    own_redis: RedisServer,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[RunningFleet]:
    """One worker with one slot, which knows the warehouse."""
    monkeypatch.setenv("ML_TRAINING_CONNECTIONS__WAREHOUSE", warehouse.url)
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    with running_fleet(tmp_path, database_url=f"sqlite:///{tmp_path / 'jobs.db'}", broker_url=own_redis.url) as stack:
        yield stack


def test_a_worker_killed_in_mid_query_leaves_one_data_set_and_no_query(
    stack: RunningFleet, warehouse: Warehouse
) -> None:
    resources = replace(stack.resources, sources=Sources(sources(warehouse=warehouse.url)))
    dataset = accept_origin(resources, QueryOrigin(connection="warehouse", query=QUERY), name="data")
    eventually(warehouse.running, what="the query runs")
    first = warehouse.running()
    warehouse.execute("CREATE TABLE go ()")
    stack.fleet.kill("worker")
    eventually(lambda: not set(first) & set(warehouse.running()), what="the query of the killed worker has ended")
    stack.fleet.start_worker()
    eventually(lambda: get_dataset(resources, dataset.id).status is DatasetStatus.READY, what="the data set is READY")
    job = get_job(resources, dataset.job_id or 0)
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 2)
    assert [found.id for found in list_datasets(resources).items] == [dataset.id]
    assert get_dataset(resources, dataset.id).rows == 9
    stack.check()
