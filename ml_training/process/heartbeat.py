"""Says in the database that a process lives."""

import os
import socket
from typing import Any

from ml_training.db import heartbeats
from ml_training.db.engine import Database


def process_name(kind: str) -> str:
    """The name of this process in the heartbeat rows: kind@host-pid, unique among those that live."""
    return f"{kind}@{socket.gethostname()}-{os.getpid()}"


def beat(database: Database, *, process: str, kind: str, body: dict[str, Any], is_new: bool = False) -> None:
    """Write one heartbeat, the first with `is_new`; raises Unavailable."""
    with database.write() as connection:
        heartbeats.write_heartbeat(connection, process=process, kind=kind, body=body, is_new=is_new)


def remove_heartbeat(database: Database, process: str) -> None:
    """Take the row of a process that ends by itself; raises Unavailable."""
    with database.write() as connection:
        heartbeats.delete_heartbeat(connection, process)


def start_draining(database: Database, process: str) -> None:
    """Ask the jobs of this process to be handed back; raises Unavailable."""
    with database.write() as connection:
        heartbeats.mark_draining(connection, process)
