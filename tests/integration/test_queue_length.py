"""The length of the queue is a maintained number: exact through every move, and no writer waits for another one."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, text

from ml_training.db import claims, jobs
from ml_training.db.engine import Database, open_database
from ml_training.db.invariants import broken_rows
from ml_training.db.queue_length import count_pending
from ml_training.domain.caller import DEFAULT_PROJECT_ID
from tests.support.jobs import store_dataset, store_job


@pytest.fixture
def dataset_id(database: Database) -> int:
    """A data set for the jobs to name."""
    return store_dataset(database)


def length(database: Database) -> int:
    """The maintained number, which must be what the rows say."""
    with database.read() as connection:
        counted = int(connection.execute(text("SELECT count(*) FROM jobs WHERE status = 'PENDING'")).scalar_one())
        assert count_pending(connection) == counted
        assert not list(broken_rows(connection))
    return counted


def insert_one(connection: Connection, dataset_id: int) -> None:
    """A PENDING job."""
    values = {"job_type": "TRAIN", "model_type": "ridge", "spec": {}, "dataset_id": dataset_id}
    jobs.insert_job(connection, **values, priority=5, max_runtime_seconds=1.0, phases_count=0)


def test_the_length_of_the_queue_is_exact_through_every_move(database: Database, dataset_id: int) -> None:
    first, second = (store_job(database, dataset_id=dataset_id) for _ in range(2))
    assert length(database) == 2
    with database.write() as connection:
        claimed = claims.claim_next(connection, worker="w", lease_seconds=60)
    assert claimed is not None
    assert (claimed.id, length(database)) == (first, 1)
    with database.write() as connection:
        assert jobs.hand_back(connection, job_id=first, attempt=1, delay=0.0, message="")
    assert length(database) == 2
    with database.write() as connection:
        jobs.request_cancel(connection, second)
    assert length(database) == 1
    with database.write() as connection:
        connection.execute(text("DELETE FROM jobs"))
    assert length(database) == 0


def test_a_transaction_that_is_rolled_back_leaves_the_length(database: Database, dataset_id: int) -> None:
    store_job(database, dataset_id=dataset_id)

    def claim_and_fail() -> None:
        with database.write() as connection:
            assert claims.claim_next(connection, worker="w", lease_seconds=60)
            raise KeyError

    with pytest.raises(KeyError):
        claim_and_fail()
    assert length(database) == 1


def test_many_writers_at_once_keep_it_exact(database: Database, dataset_id: int) -> None:
    def work(_: int) -> None:
        for _ in range(2):
            with database.write() as connection:
                count_pending(connection)  # SQLite refuses a reader that becomes a writer when another one was quicker
                insert_one(connection, dataset_id)
        with database.write() as connection:
            assert claims.claim_next(connection, worker="w", lease_seconds=60)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert length(database) == 40


def test_a_writer_does_not_wait_for_the_counter_of_another_one(new_postgresql: Callable[[], str]) -> None:
    database = open_database(new_postgresql()).of(DEFAULT_PROJECT_ID)
    dataset_id, stored = store_dataset(database), threading.Event()

    def store() -> None:
        store_job(database, dataset_id=dataset_id)
        stored.set()

    with database.write() as connection:
        insert_one(connection, dataset_id)
        threading.Thread(target=store, daemon=True).start()
        assert stored.wait(30), "the other writer has committed while this one is open"
    assert length(database) == 2
    database.dispose()
