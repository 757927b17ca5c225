"""Readiness: whether the service can accept and run jobs, component by component."""

from dataclasses import dataclass

from sqlalchemy import Connection

from ml_training.db import heartbeats
from ml_training.db.untaken_jobs import untaken_slots
from ml_training.domain.errors import Unavailable
from ml_training.services.resources import Resources


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """Whether one component works, and what was seen."""

    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """`ready`: jobs can be accepted. A component that only delays jobs may be down while the service is ready."""

    ready: bool
    components: dict[str, ComponentHealth]


def readiness(resources: Resources) -> Readiness:
    """Ask each component; the time-outs of database and broker bound how long it takes."""
    try:
        with resources.database.read() as connection:
            workers = _workers(connection, resources.heartbeat_dead_seconds)
        database = ComponentHealth(True, "answers")
        trouble = resources.storage_check.trouble()
        storage = ComponentHealth(trouble is None, trouble or "is the one that the database belongs to")
    except Unavailable:
        database = ComponentHealth(False, "does not answer: jobs cannot be accepted")
        workers = storage = ComponentHealth(False, "unknown without the database")
    refusal = resources.broker_check.trouble()
    late = "; until it is repaired, workers look for jobs every few seconds only"
    broker = ComponentHealth(refusal is None, "takes permits" if refusal is None else refusal + late)
    parts = {"database": database, "broker": broker, "workers": workers, "storage": storage}
    return Readiness(ready=database.ok and storage.ok, components=parts)


def _workers(connection: Connection, within_seconds: float) -> ComponentHealth:
    slots = heartbeats.count_slots(connection, within_seconds=within_seconds)
    foreign = heartbeats.storage_troubles(connection, within_seconds=within_seconds, kinds=("worker",))
    detail = f"{slots} slots" if slots else "no worker takes jobs: they wait"
    if foreign:
        detail = "; ".join([f"{slots} slots", *(f"{process} takes no job: {why}" for process, why in foreign.items())])
    untaken = untaken_slots(connection, seconds=within_seconds, alive_seconds=within_seconds)
    if untaken:
        detail += (
            f"; {untaken} of them are free, and no due job was taken for {within_seconds:g} s: see the workers' logs"
        )
    return ComponentHealth(slots > 0 and not foreign and not untaken, detail)
