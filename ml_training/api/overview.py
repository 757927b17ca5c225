"""The overview: what the caller's project and the fleet do now."""

from flask import Response
from pydantic import Field

from ml_training.api.context import resources
from ml_training.api.openapi_routes import blueprint, documented
from ml_training.api.response_schemas import ResponseSchema, Time
from ml_training.api.responses import json_response
from ml_training.domain.caller import Role
from ml_training.domain.states import JobStatus
from ml_training.services import overview as service


class RecentEnds(ResponseSchema):
    """How many jobs have ended since a time, without those of studies."""

    since: Time = Field(description="one hour ago; later when more than 1,000 have ended since then")
    completed: int
    failed: int
    cancelled: int


class OverviewJobs(ResponseSchema):
    """The jobs of the project, with those of studies."""

    pending: int
    running: int
    oldest_pending_seconds: float | None = Field(description="how long the oldest PENDING job waits; null: none waits")
    ended: RecentEnds


class OverviewWorkers(ResponseSchema):
    """The workers that are alive; they serve all projects."""

    count: int
    draining: int
    slots: int = Field(description="of those that take jobs")
    busy_slots: int


class OverviewStorage(ResponseSchema):
    """What the project stores, and how much room there is."""

    stored_bytes: int
    quota_bytes: int | None = Field(description="null: as much as there is room for")
    free_bytes: int | None = Field(description="on the disk of the storage; null when it is a bucket")


class Overview(ResponseSchema):
    """What the project and the fleet do now."""

    jobs: OverviewJobs
    workers: OverviewWorkers
    storage: OverviewStorage

    @classmethod
    def of(cls, found: service.Overview) -> "Overview":
        """The schema of the numbers."""
        ended = {status.value.lower(): found.ended.by_status.get(status, 0) for status in ENDED}
        jobs = OverviewJobs.from_record(
            {
                "pending": found.pending,
                "running": found.running,
                "oldest_pending_seconds": found.oldest_pending_seconds,
                "ended": {"since": found.ended.since, **ended},
            }
        )
        storage = OverviewStorage(
            stored_bytes=found.stored_bytes, quota_bytes=found.stored_bytes_quota, free_bytes=found.free_bytes
        )
        workers = OverviewWorkers(
            count=found.workers, draining=found.draining_workers, slots=found.slots, busy_slots=found.busy_slots
        )
        return cls(jobs=jobs, workers=workers, storage=storage)


ENDED = (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
overview = blueprint("overview", "What the service does now")


@overview.get("", responses={200: Overview})
@documented(Role.VIEWER)
def show() -> Response:
    """What waits, runs and has ended, how many slots are busy, and how much is stored."""
    return json_response(Overview.of(service.read_overview(resources())))
