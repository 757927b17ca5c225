"""The heartbeat of a process: a thread that writes the process's row, from which others see that it is alive."""

import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from ml_training import __version__
from ml_training.db import heartbeats
from ml_training.db.engine import Database
from ml_training.db.schema_version import head_revision
from ml_training.domain.errors import Unavailable
from ml_training.logs import get_logger

log = get_logger(__name__)
LAST_WRITE_SECONDS = 2.0


def process_name(kind: str) -> str:
    """The name of this process in the heartbeat rows: kind@host-pid, unique among the living processes."""
    return f"{kind}@{socket.gethostname()}-{os.getpid()}"


class Heartbeat(threading.Thread):
    """Writes the row of this process every `every` seconds until `stop`.

    kind: api, worker or maintenance; read_body: the JSON body of the row, read before each write. The schema and the
    version of this code are added to it: during an upgrade others see which processes are older.
    """

    def __init__(
        self,
        database: Database,
        *,
        kind: str,
        every: float,
        read_body: Callable[[], dict[str, Any]],
        process: str | None = None,
    ) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.process = process or process_name(kind)
        self.database = database
        self.stopped = threading.Event()
        self._kind = kind
        self._every = every
        self._read_body = read_body
        self._is_new = True
        self._schema = head_revision()

    def run(self) -> None:
        """Write until stopped; an error is only logged."""
        while True:
            try:
                self.write_once()
            except Exception as error:  # noqa: BLE001 - process edge: a failed write is repeated, a dead thread would look like death
                log.warning("heartbeat_not_written", error=str(error)[:200])
            if self.pause(self._every):
                return

    def pause(self, seconds: float) -> bool:
        """Wait until the next write; True once this heartbeat is stopped."""
        return self.stopped.wait(seconds)

    def write_once(self) -> None:
        """Write the row now; raises Unavailable."""
        body = {**self._read_body(), "schema": self._schema, "version": __version__}
        with self.database.write() as connection:
            heartbeats.write_heartbeat(
                connection, process=self.process, kind=self._kind, body=body, is_new=self._is_new
            )
        self._is_new = False

    def stop(self) -> None:
        """Stop and remove the row: the process ends in order."""
        self.stopped.set()
        if self.is_alive():
            self.join(LAST_WRITE_SECONDS)  # a write in progress would bring the row back
        try:
            with self.database.write() as connection:
                heartbeats.delete_heartbeat(connection, self.process)
        except Unavailable as error:
            log.warning("heartbeat_not_removed", error=str(error))
