"""The loops of maintenance as they run: each does its work unasked, waits out an outage, and any copy may die."""

import threading
from typing import Any

import pytest
from sqlalchemy import text

from ml_training.db import claims, heartbeats
from ml_training.db.engine import Database
from ml_training.domain.errors import Unavailable
from ml_training.domain.states import JobStatus
from ml_training.domain.worker_shape import WorkerShape
from ml_training.process.heartbeat import process_name
from ml_training.process.stop_event import StopEvent
from ml_training.services.cancel import request_cancel
from ml_training.services.resources import Resources
from ml_training.settings import Settings
from ml_training.storage.base import ObjectKind
from tests.support.eventually import eventually
from tests.support.jobs import read_job, store_dataset, store_job
from tests.support.maintenance import QUICK, maintained, one_slot
from workers.heartbeat import WorkerHeartbeat
from workers.maintenance import MaintenanceLoop, run_loop
from workers.pool_ready import say_ready


@pytest.mark.parametrize("copies", [1, 3])
def test_every_loop_does_its_work_unasked(resources: Resources, copies: int) -> None:
    database, dataset_id = resources.database, store_dataset(resources.database)
    lost, cancelled = (store_job(database, dataset_id=dataset_id) for _ in range(2))
    with database.write() as connection:
        assert claims.claim_next(connection, worker="w", lease_seconds=-1.0)
    request_cancel(resources, cancelled)
    old = store_job(database, dataset_id=dataset_id)
    request_cancel(resources, old)
    stored = resources.storage.put_bytes(ObjectKind.ARTIFACT, b"of nobody")
    one_slot(resources)
    with maintained(resources, copies=copies, settings=QUICK):
        eventually(lambda: read_job(database, lost).status is JobStatus.PENDING, what="the reaper gave it back")
        eventually(lambda: (resources.permits.waiting() or 0) >= 1, what="its permit was sent")
        eventually(lambda: scalar(resources, "SELECT count(*) FROM ledger") == 0, what="the ledger is folded")
        eventually(
            lambda: stored.key not in dict(resources.storage.list_keys()), what="the sweeper removed what nobody names"
        )
        beats = "SELECT count(*) FROM heartbeats WHERE kind = 'maintenance'"
        eventually(lambda: scalar(resources, beats) == copies, what="each copy says that it lives")
    assert scalar(resources, "SELECT sum(n) FROM ledger_totals WHERE kind = 'terminal'") == 2
    assert scalar(resources, "SELECT count(*) FROM lost_attempts") == 1, "reaped once, however many reapers there are"


def test_the_relay_sends_the_permit_of_a_job_that_nobody_announced(resources: Resources) -> None:
    store_job(resources.database, dataset_id=store_dataset(resources.database))
    one_slot(resources)
    assert not resources.permits.waiting()
    with maintained(resources, copies=1, settings=QUICK):
        eventually(lambda: (resources.permits.waiting() or 0) >= 1, what="the relay sent its permit")


def scalar(resources: Resources, query: str) -> int:
    """One number."""
    with resources.database.read() as connection:
        return int(connection.execute(text(query)).scalar_one() or 0)


@pytest.mark.parametrize("error", [Unavailable("the database is away"), OSError(28, "No space left on device")])
def test_a_loop_waits_out_an_outage_and_ends_loudly_on_a_defect(error: Exception) -> None:
    stop, ticks = StopEvent(), [error, None, RuntimeError("a defect")]

    def tick() -> None:
        news = ticks.pop(0)
        if news is not None:
            raise news

    with pytest.raises(RuntimeError, match="a defect"):
        run_loop(MaintenanceLoop("test", 0.001, tick), stop)
    assert stop.is_set(), "the process ends, and its supervisor starts a new one"


def test_a_worker_that_gets_the_name_of_one_that_drained_does_not_drain(database_url: str, database: Database) -> None:
    with database.write() as connection:  # a container that was restarted: same host name, same process id
        heartbeats.write_heartbeat(connection, process=process_name("worker"), kind="worker", body={"slots": 1})
        heartbeats.mark_draining(connection, process_name("worker"))
    worker = WorkerHeartbeat(
        Settings.model_validate({"database_url": database_url, "heartbeat_seconds": 0.02}), WorkerShape(3, 1)
    )
    say_ready(memory=1)
    worker.start()
    eventually(lambda: slots(database) == 3, what="the new one has slots, as one that does not drain")
    worker.drain()
    eventually(lambda: slots(database) == 0, what="and drains when it is asked to")
    seen = beat_of(database)
    eventually(lambda: beat_of(database) > seen, what="it beats on")
    assert slots(database) == 0
    worker.stop()
    worker.join(10)
    assert beat_of(database) == 0.0, "it left in order"


def test_a_beat_under_way_does_not_bring_back_a_worker_that_left(
    database_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats, go = threading.Event(), threading.Event()
    write_heartbeat = heartbeats.write_heartbeat

    def late(*given: Any, **more: Any) -> None:
        beats.set()
        assert go.wait(60)
        write_heartbeat(*given, **more)

    monkeypatch.setattr(heartbeats, "write_heartbeat", late)
    worker = WorkerHeartbeat(Settings.model_validate({"database_url": database_url}), WorkerShape(3, 1))
    worker.start()
    assert beats.wait(60)
    leaves = threading.Thread(target=worker.stop)
    leaves.start()
    leaves.join(0.5)  # time for a goodbye that does not wait for the beat
    go.set()
    leaves.join(10)
    worker.join(10)
    assert beat_of(database) == 0.0


def slots(database: Database) -> int:
    """Slots of workers that do not drain."""
    with database.read() as connection:
        return heartbeats.count_slots(connection, within_seconds=30.0)


def beat_of(database: Database) -> float:
    """When a worker was seen last; 0 when there is none."""
    with database.read() as connection:
        found = heartbeats.list_heartbeats(connection, kind="worker", within_seconds=30.0)
    return max((row.seen_at for row in found), default=0.0)
