"""The heartbeat of a worker: its slots and what a job may take of each, its memory, and the request to hand back."""

import threading
import time

import psutil

from ml_training.db import heartbeats, ledger
from ml_training.db.engine import open_database
from ml_training.domain.errors import Unavailable
from ml_training.domain.worker_shape import KEPT_BYTES, WorkerShape
from ml_training.execution.memory_limit import MemoryLimit, slot_memory
from ml_training.logs import get_logger
from ml_training.process.heartbeat import Heartbeat
from ml_training.process.storage_check import StorageCheck, storage_report
from ml_training.queue.broker_check import BrokerCheck, broker_report
from ml_training.queue.dropped_entries import DROPPED
from ml_training.settings import Settings
from ml_training.storage.open_storage import open_storage
from workers.pool_ready import is_ready, memory_of_a_child, share_readiness

log = get_logger(__name__)
DRAIN_TRIES = 5
READY_POLL_SECONDS = 0.1


class WorkerHeartbeat(Heartbeat):
    """Runs in the parent of the pool."""

    def __init__(self, settings: Settings, shape: WorkerShape) -> None:
        database = open_database(settings.database, pool_size=1)
        storage = StorageCheck(database, open_storage(settings))
        broker = BrokerCheck(settings.broker, budget=settings.publish_budget_seconds)
        share_readiness()
        self._was_ready = False
        super().__init__(
            database,
            kind="worker",
            every=settings.heartbeat_seconds,
            read_body=lambda: {
                **_body(shape, slot_memory(settings.worker_memory_bytes, slots=shape.concurrency), storage),
                **broker_report(broker.trouble()),
            },
        )

    def pause(self, seconds: float) -> bool:
        """See Heartbeat; ends early when the first child is ready: others wait for this news."""
        deadline = time.monotonic() + seconds
        while not self._was_ready and (left := deadline - time.monotonic()) > 0:
            if is_ready():
                self._was_ready = True
                return self.stopped.is_set()
            if self.stopped.wait(min(left, READY_POLL_SECONDS)):
                return True
        return self.stopped.wait(max(0.0, deadline - time.monotonic()))

    def write_once(self) -> None:
        """See Heartbeat; also counts the entries of the list that this worker has dropped since the last write."""
        super().write_once()
        count = DROPPED.take()
        try:
            if count:
                with self.database.write() as connection:
                    ledger.count_dropped_entries(connection, count)
                log.warning("queue_entries_dropped", count=count)
        except Unavailable:
            DROPPED.add(count)
            raise

    def drain(self) -> None:
        """Ask this worker's jobs to be handed back; without the database their leases end by themselves."""
        threading.Thread(target=self._drain, name="drain", daemon=True).start()

    def _drain(self) -> None:
        for _ in range(DRAIN_TRIES):
            try:
                with self.database.write() as connection:
                    heartbeats.mark_draining(connection, self.process)
            except Unavailable as error:
                log.warning("drain_not_written", error=str(error))
                self.stopped.wait(1.0)
            else:
                log.info("worker_draining")
                return


def _body(shape: WorkerShape, limit: MemoryLimit, check: StorageCheck) -> dict[str, object]:
    """A worker offers no slot until a child is ready, and while it may not use its storage."""
    parent, trouble = psutil.Process(), check.trouble()
    memory = sum(_memory(process) for process in (parent, *parent.children(recursive=True)))
    return {
        "pid": parent.pid,
        "slots": shape.concurrency if is_ready() and not trouble else 0,
        "threads": shape.threads,
        "job_memory_bytes": max(0, (limit.bytes or 0) - memory_of_a_child() - KEPT_BYTES),
        "ready": is_ready(),
        "rss_bytes": memory,
        **storage_report(trouble),
    }


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has just ended
        return 0
