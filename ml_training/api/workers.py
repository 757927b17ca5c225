"""Workers: list them, and ask one to hand its jobs back."""

from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field

from ml_training.api.context import resources
from ml_training.api.openapi_routes import blueprint, documented, problems
from ml_training.api.response_schemas import ResponseSchema, Time
from ml_training.api.responses import json_response
from ml_training.domain.caller import Role
from ml_training.services import workers as service


class WorkerPath(BaseModel):
    """The name of a worker in a path."""

    process: Annotated[str, Field(max_length=300, description="as GET /workers names it")]


class WorkerJob(ResponseSchema):
    """A job that a worker runs."""

    id: int
    job_type: str
    model_type: str
    attempt: int
    progress: float


class Worker(ResponseSchema):
    """A worker that is alive, and what it runs."""

    process: str = Field(description="its name: worker@host-pid")
    host: str
    slots: int = Field(description="how many jobs it runs at once; 0 until it is ready, and while it sees no storage")
    free_slots: int
    draining: bool = Field(description="it takes no job, and hands those that it runs back")
    schema_revision: str | None = Field(description="of the database, that its code was made for")
    version: str | None
    started_at: Time
    seen_at: Time
    storage_trouble: str | None = Field(description="why it cannot use the storage of the service")
    jobs: list[WorkerJob] = Field(description="of the project of the caller")
    other_jobs: int = Field(description="how many jobs of other projects it runs")

    @classmethod
    def of(cls, state: service.WorkerState) -> "Worker":
        """The schema of a worker."""
        row = state.heartbeat
        return cls.model_validate(
            {
                "process": row.process,
                "host": row.process.partition("@")[2].rpartition("-")[0] or row.process,
                "slots": row.body.get("slots", 0),
                "free_slots": state.free_slots,
                "draining": row.draining,
                "schema_revision": row.body.get("schema"),
                "version": row.body.get("version"),
                "started_at": row.started_at,
                "seen_at": row.seen_at,
                "storage_trouble": row.body.get("storage_trouble"),
                "jobs": [WorkerJob.from_record(job) for job in state.jobs],
                "other_jobs": state.other_jobs,
            }
        )


class WorkerList(ResponseSchema):
    """All workers that are alive, by name."""

    items: list[Worker]


workers = blueprint("workers", "The processes that run jobs")


@workers.get("", responses={200: WorkerList})
@documented(Role.VIEWER)
def list_all() -> Response:
    """Every worker that was seen a moment ago: its slots and the jobs of the project that it runs."""
    return json_response(WorkerList(items=[Worker.of(state) for state in service.list_workers(resources())]))


@workers.post("/<process>/drain", responses={202: Worker, **problems(404)})
@documented(Role.OPERATOR, path=WorkerPath)
def drain(process: str) -> Response:
    """Let a worker take no job any more and hand those that it runs back, without a charge: others continue them.

    It stays idle until it is started again.
    """
    return json_response(Worker.of(service.drain_worker(resources(), process)), 202)
