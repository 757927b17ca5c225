"""The maintenance loops inside a test, and a worker that is only a heartbeat row."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ml_training.db import heartbeats
from ml_training.db.schema_version import head_revision
from ml_training.services.resources import Resources
from ml_training.settings import Settings
from workers.maintenance import maintenance_heartbeat, maintenance_loops, run_loop

QUICK = Settings.model_validate(
    {
        "heartbeat_seconds": 0.05,
        "relay_seconds": 0.05,
        "reap_seconds": 0.05,
        "fold_seconds": 0.05,
        "sweep_seconds": 0.05,
        "sweep_age_seconds": 0.05,
        "retention_seconds": 3600.0,
    }
)


CALM = QUICK.model_copy(update={"sweep_age_seconds": 3600.0})  # the sweeper leaves alone what is being written


@contextmanager
def maintained(resources: Resources, *, copies: int = 1, settings: Settings = CALM) -> Iterator[None]:
    """`copies` of every loop run inside the block."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=run_loop, args=(loop, stop), name=loop.name, daemon=True)
        for _ in range(copies)
        for loop in maintenance_loops(resources, settings)
    ]
    beats = [
        maintenance_heartbeat(resources, every=settings.heartbeat_seconds, process=f"maintenance@test-{number}")
        for number in range(copies)
    ]
    for thread in (*threads, *beats):
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for heartbeat in beats:
            heartbeat.stop()
        for thread in threads:
            thread.join(30)


def one_slot(resources: Resources) -> None:
    """A worker says that it lives."""
    with resources.database.write() as connection:
        body = {"slots": 1, "schema": head_revision()}
        heartbeats.write_heartbeat(connection, process="worker@test-1", kind="worker", body=body)
