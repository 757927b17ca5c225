"""The workers of the service: what each one runs, and the request to hand it back."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml_training.db import heartbeats, overview
from ml_training.db.overview import RunningOnWorker
from ml_training.domain.audit import AuditAction
from ml_training.domain.errors import NotFound
from ml_training.domain.records import Heartbeat
from ml_training.services.audit import audited_change
from ml_training.services.resources import Resources

MOST_RUNNING = 2_000  # of all workers


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A living worker, its running jobs of the caller's project, and how many it runs of other projects."""

    heartbeat: Heartbeat
    jobs: Sequence[RunningOnWorker]
    other_jobs: int

    @property
    def free_slots(self) -> int:
        """How many jobs it could take now; one that drains takes none."""
        offered = 0 if self.heartbeat.draining else int(self.heartbeat.body.get("slots", 0))
        return max(0, offered - len(self.jobs) - self.other_jobs)


def list_workers(resources: Resources) -> list[WorkerState]:
    """The workers that were seen a moment ago, by name. Raises Unavailable."""
    with resources.database.read() as connection:
        within = resources.heartbeat_dead_seconds
        alive = heartbeats.list_heartbeats(connection, kind="worker", within_seconds=within)
        running = overview.running_on_workers(connection, at_most=MOST_RUNNING)
    return [_state(worker, running, resources.project_id) for worker in alive]


def drain_worker(resources: Resources, process: str) -> WorkerState:
    """Let a worker take no job any more and hand its jobs back, as after SIGTERM; it continues without any.

    Raises NotFound, Unavailable. Asking again changes nothing.
    """
    with audited_change(resources.database, resources.caller, AuditAction.WORKER_DRAIN, process) as change:
        within = resources.heartbeat_dead_seconds
        alive = heartbeats.list_heartbeats(change.connection, kind="worker", within_seconds=within)
        if process not in {worker.process for worker in alive}:
            raise NotFound(f"there is no worker {process!r}: GET /workers lists those that are alive")
        heartbeats.mark_draining(change.connection, process)
    for worker in list_workers(resources):
        if worker.heartbeat.process == process:
            return worker
    raise NotFound(f"worker {process!r} has just ended")


def _state(worker: Heartbeat, running: Sequence[RunningOnWorker], project_id: int) -> WorkerState:
    on_it = [job for job in running if job.worker == worker.process]
    own = [job for job in on_it if job.project_id == project_id]
    return WorkerState(worker, own, len(on_it) - len(own))
