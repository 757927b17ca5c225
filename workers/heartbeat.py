"""The worker's own row: that it lives, how many slots it has and how many are busy."""

import threading

import psutil

from ml_training.db.engine import open_database
from ml_training.domain.errors import Unavailable
from ml_training.logs import get_logger
from ml_training.process.heartbeat import beat, process_name, remove_heartbeat, start_draining
from ml_training.settings import Settings
from workers.starting_children import end_starting_children

log = get_logger(__name__)
DRAIN_TRIES = 5
LAST_BEAT_SECONDS = 2.0


class WorkerHeartbeat(threading.Thread):
    """Writes the row every few seconds, from the parent of the pool."""

    def __init__(self, settings: Settings, *, slots: int) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.process = process_name("worker")
        self._database = open_database(settings.database, pool_size=1)
        self._every = settings.heartbeat_seconds
        self._slots = slots
        self._stopped = threading.Event()

    def run(self) -> None:
        """Beat until stopped; an outage of the database is only logged."""
        is_new = True
        while True:
            try:
                beat(self._database, process=self.process, kind="worker", body=self._body(), is_new=is_new)
            except Unavailable as error:
                log.warning("heartbeat_not_written", error=str(error))
            else:
                is_new = False
            if self._stopped.wait(self._every):
                return

    def drain(self) -> None:
        """Ask this worker's jobs to be handed back; without the database their leases end by themselves.

        Children that are still starting are ended: the shutdown would wait for them.
        """
        threading.Thread(target=self._drain, name="drain", daemon=True).start()
        threading.Thread(target=end_starting_children, args=(self._stopped,), name="end-starting", daemon=True).start()

    def stop(self) -> None:
        """Take the row away: the worker left in order."""
        self._stopped.set()
        if self.is_alive():
            self.join(LAST_BEAT_SECONDS)  # a beat under way would bring the row back
        try:
            remove_heartbeat(self._database, self.process)
        except Unavailable as error:
            log.warning("goodbye_not_written", error=str(error))

    def _drain(self) -> None:
        for _ in range(DRAIN_TRIES):
            try:
                start_draining(self._database, self.process)
            except Unavailable as error:
                log.warning("drain_not_written", error=str(error))
                self._stopped.wait(1.0)
            else:
                log.info("worker_drains")
                return

    def _body(self) -> dict[str, int]:
        me = psutil.Process()
        children = me.children(recursive=True)
        memory = sum(_memory(process) for process in (me, *children))
        return {"pid": me.pid, "slots": self._slots, "rss_bytes": memory}


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has just ended
        return 0
