"""One thread a process that looks for changes on behalf of all its waiting clients: they hold no thread and no query.

Each look is one transaction with two or three index entries for each project that somebody waits for, however many
clients wait. The thread sleeps while nobody does.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ml_training.db.changes import has_news, settled
from ml_training.db.engine import Database
from ml_training.domain.changes import Position
from ml_training.domain.errors import Unavailable
from ml_training.logs import get_logger
from ml_training.services.changes import LOOK_SECONDS

log = get_logger(__name__)
OUTAGE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class WaitingClient:
    """A client that is woken when its project has a change behind its position, or when its time is over."""

    project_id: int
    position: Position
    deadline: float  # of time.monotonic()


class ChangeWatch:
    """Wakes the waiting clients of a process. Thread-safe."""

    def __init__(self, database: Database, *, is_draining: Callable[[], bool] = lambda: False) -> None:
        self._database = database
        self._is_draining = is_draining
        self._changed = threading.Condition()
        self._clients: dict[WaitingClient, Callable[[], object]] = {}
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, client: WaitingClient, wake: Callable[[], object]) -> None:
        """Watch for a client; a change that was committed before this call wakes it too.

        wake: called once, by the thread of the watch.
        """
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="changes", daemon=True)
                self._thread.start()
            self._clients[client] = wake
            self._changed.notify()

    def remove(self, client: WaitingClient) -> None:
        """Forget a client, woken or not."""
        with self._changed:
            self._clients.pop(client, None)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._clients)
                clients = set(self._clients)
            pause = LOOK_SECONDS
            try:
                self._wake(self._ready(clients))
            except Unavailable as error:
                log.debug("changes_not_seen", error=str(error))
                pause = OUTAGE_SECONDS
                self._wake({client for client in clients if self._is_over(client)})
            except Exception:  # the thread's edge: without it nobody would be woken any more
                log.exception("change_watch_failed")
                self._wake(clients)  # their requests meet the same error, and answer it
            time.sleep(pause)

    def _ready(self, clients: set[WaitingClient]) -> set[WaitingClient]:
        ready = {client for client in clients if self._is_over(client)}
        with self._database.read() as connection:
            up_to = settled(connection)
        for project_id in {client.project_id for client in clients - ready}:
            waiting = {client for client in clients - ready if client.project_id == project_id}
            with self._database.of(project_id).read() as connection:
                known = {
                    position: has_news(connection, position, up_to=up_to)
                    for position in {client.position for client in waiting}
                }
            ready |= {client for client in waiting if known[client.position]}
        return ready

    def _is_over(self, client: WaitingClient) -> bool:
        return self._is_draining() or time.monotonic() >= client.deadline

    def _wake(self, clients: set[WaitingClient]) -> None:
        for client in clients:
            with self._changed:
                wake = self._clients.pop(client, None)
            if wake is not None:
                wake()
