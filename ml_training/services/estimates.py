"""What a job will cost, as far as something is known about it; what is not known is None, never a guess."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ml_training.db import heartbeats
from ml_training.db.project_counters import read_usage
from ml_training.db.projects import read_quotas
from ml_training.db.queue_place import count_before, count_running, recent_runs
from ml_training.domain.specs import JobSpec, JobType
from ml_training.services.check_cache import Feasibility
from ml_training.services.feasibility import spec_to_store
from ml_training.services.job_memory import job_memory
from ml_training.services.queue_limit import seconds_to_end
from ml_training.services.resources import Resources
from ml_training.services.slots import Slot

RECENT_RUNS = 100  # to look for equal jobs in
MOST_BEFORE = 1_000
# Equal in all else, jobs take equally long; the seed changes which rows are drawn, not how many.
NO_MATTER = frozenset({"model_name", "random_state", "priority", "max_runtime_seconds", "leakage", "reuse"})


@dataclass(frozen=True, slots=True)
class Estimate:
    """memory_bytes: the most that it will take; seconds: the median of equal jobs; starts_in_seconds: at the rate
    at which jobs end now."""

    memory_bytes: int
    seconds: float | None
    starts_in_seconds: float | None


def estimate(
    connection: Connection, resources: Resources, spec: JobSpec, feasibility: Feasibility, slot: Slot | None
) -> Estimate:
    """The estimate for a job that has passed its check; slot: see `find_slot`."""
    return Estimate(
        memory_bytes=job_memory(spec, feasibility, slot).bytes,
        seconds=_seconds(connection, spec, feasibility),
        starts_in_seconds=_starts_in(connection, resources, spec.priority),
    )


def _seconds(connection: Connection, spec: JobSpec, feasibility: Feasibility) -> float | None:
    runs = recent_runs(
        connection, job_type=JobType(spec.job_type), model_type=feasibility.model_type, limit=RECENT_RUNS
    )
    wanted = _what_matters(spec_to_store(spec, feasibility))
    equal = [seconds for ran, seconds in runs if _what_matters(ran) == wanted]
    return statistics.median(equal) if equal else None


def _what_matters(spec: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in NO_MATTER}


def _starts_in(connection: Connection, resources: Resources, priority: int) -> float | None:
    slots = heartbeats.count_slots(connection, within_seconds=resources.heartbeat_dead_seconds)
    if not slots:
        return None
    before = count_before(connection, priority=priority, job_id=None, at_most=MOST_BEFORE)
    if before >= MOST_BEFORE:
        return None  # by then jobs may end at another rate
    free = slots - count_running(connection, at_most=slots)
    limit = read_quotas(connection, lock=False).running_jobs
    if limit is not None:
        free = min(free, limit - read_usage(connection).running_jobs)
    must_end = before + 1 - free
    return 0.0 if must_end <= 0 else seconds_to_end(connection, must_end)
