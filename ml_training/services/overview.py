"""What the caller's project does now, at one look."""

from dataclasses import dataclass

from ml_training.db import heartbeats, overview, queue_place
from ml_training.db.overview import Ends
from ml_training.db.project_counters import read_usage
from ml_training.db.projects import read_quotas
from ml_training.services.resources import Resources

ENDED_SECONDS = 3_600.0
MOST_ENDED = 1_000  # beyond it the time since which they are counted is a later one
MOST_STUDIES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Jobs of the project, slots of all workers, and storage.

    pending and running: with the jobs of studies; a study whose trials run is running. oldest_pending_seconds: None
    when no job waits. busy_slots: of all projects. stored_bytes: of the project; free_bytes: of the file system of the
    storage, None when it is a bucket.
    """

    pending: int
    running: int
    oldest_pending_seconds: float | None
    ended: Ends
    slots: int
    busy_slots: int
    workers: int
    draining_workers: int
    stored_bytes: int
    stored_bytes_quota: int | None
    free_bytes: int | None


def read_overview(resources: Resources) -> Overview:
    """The numbers of one moment. Raises Unavailable."""
    within = resources.heartbeat_dead_seconds
    with resources.database.read() as connection:
        usage = read_usage(connection)
        studies = overview.count_waiting_studies(connection, at_most=MOST_STUDIES)
        workers = heartbeats.list_heartbeats(connection, kind="worker", within_seconds=within)
        slots = sum(int(worker.body.get("slots", 0)) for worker in workers if not worker.draining)
        return Overview(
            pending=usage.pending_jobs - studies,
            running=usage.running_jobs + studies,
            oldest_pending_seconds=overview.oldest_pending(connection),
            ended=overview.recent_ends(connection, seconds=ENDED_SECONDS, at_most=MOST_ENDED),
            slots=slots,
            busy_slots=queue_place.count_running(connection, at_most=max(slots, 1)),
            workers=len(workers),
            draining_workers=sum(worker.draining for worker in workers),
            stored_bytes=usage.stored_bytes,
            stored_bytes_quota=read_quotas(connection, lock=False).stored_bytes,
            free_bytes=resources.storage.free_bytes(),
        )
