"""Whether the service can take in and run jobs, part by part."""

from dataclasses import dataclass

from ml_training.db import heartbeats
from ml_training.domain.errors import Unavailable
from ml_training.services.resources import Resources


@dataclass(frozen=True, slots=True)
class Part:
    """One part: is it well, and what was seen."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """`ready`: jobs can be accepted. A part that only delays jobs may be down while the service is ready."""

    ready: bool
    parts: dict[str, Part]


def readiness(resources: Resources) -> Readiness:
    """Ask each part; bounded by the time-outs of database and broker."""
    try:
        with resources.database.read() as connection:
            slots = heartbeats.count_slots(connection, within_seconds=resources.heartbeat_dead_seconds)
        database = Part(True, "answers")
        workers = Part(slots > 0, f"{slots} slots" if slots else "no worker lives: jobs wait")
    except Unavailable:
        database = Part(False, "does not answer: jobs cannot be accepted")
        workers = Part(False, "unknown without the database")
    waiting = resources.permits.waiting()
    broker = Part(waiting is not None, "does not answer: jobs wait" if waiting is None else "answers")
    return Readiness(ready=database.ok, parts={"database": database, "broker": broker, "workers": workers})
