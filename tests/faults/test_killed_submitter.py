"""An API process is killed while it stores a group: what it answered is stored, and what is repeated is not doubled."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from ml_training.db.engine import Database, open_database
from ml_training.services.resources import Resources
from ml_training.services.submit import submit_job
from tests.support.api import ready_dataset, train_spec
from tests.support.exporter import DEAD_BROKER
from tests.support.forked_processes import FORKS
from tests.support.wiring import make_resources

AT_ONCE = 8
GROUPS_BEFORE = 5


def submit_and_die(url: str, root: str, dataset_id: int, moment: str, answered: str) -> None:
    """Eight clients submit one job after another, and note each answer; the process is killed in a later group."""
    resources = make_resources(open_database(url), Path(root), broker_url=DEAD_BROKER, budget=0.01)
    database = resources.database
    submit_job(resources, train_spec(dataset_id))
    groups = 0
    write = database.write

    @contextmanager
    def deadly() -> Any:
        nonlocal groups
        with write() as connection:
            groups, before = groups + 1, stored_jobs(connection)
            yield connection
            # A group of several: its leader is not the only one who could be told too early.
            is_last = groups >= GROUPS_BEFORE and stored_jobs(connection) > before + 1
            if is_last and moment == "before the commit":
                threading.Event().wait(0.2)  # whoever is told too early writes it down
                os.kill(os.getpid(), signal.SIGKILL)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    database.write = deadly  # type: ignore[method-assign]
    with Path(answered).open("ab", buffering=0) as notes:

        def client(number: int) -> None:
            for turn in range(100):
                key = f"{number}-{turn}"
                job = submit_job(resources, train_spec(dataset_id), idempotency_key=key)
                notes.write(f"{key} {job.id}\n".encode())

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(client, range(AT_ONCE)))


@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_a_submitter_that_is_killed_loses_nothing_and_doubles_nothing(
    resources: Resources, database_url: str, tmp_path: Path, moment: str
) -> None:
    dataset_id = ready_dataset(resources)
    notes = tmp_path / "answered"
    arguments = (database_url, str(tmp_path / "storage"), dataset_id, moment, str(notes))
    process = FORKS.Process(target=submit_and_die, args=arguments, daemon=True)
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    answered = dict(line.split() for line in notes.read_text().splitlines())
    stored = by_key(resources.database)
    assert {key: stored.get(key) for key in answered} == {key: int(job_id) for key, job_id in answered.items()}
    assert len(stored) > len(answered) or moment == "before the commit", "stored, and the answer was lost"
    for number in range(AT_ONCE):
        for turn in range(10):
            job = submit_job(resources, train_spec(dataset_id), idempotency_key=f"{number}-{turn}")
            assert job.id == stored.get(f"{number}-{turn}", job.id), "a repeated request gets the job of the first"
    with resources.database.read() as connection:
        jobs = stored_jobs(connection)
    assert jobs == 1 + len(by_key(resources.database)), "one job a key, and the first one without a key"


def stored_jobs(connection: Connection) -> int:
    """How many jobs the transaction sees."""
    return int(connection.execute(text("SELECT count(*) FROM jobs")).scalar_one())


def by_key(database: Database) -> dict[str, int]:
    """The job of each idempotency key, as the table says."""
    from ml_training.db.tables import idempotency_keys as keys

    with database.read() as connection:
        return {row.key: row.outcome[0]["job_id"] for row in connection.execute(keys.select())}
