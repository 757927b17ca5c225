"""Health: live says that this process answers, ready that jobs can be accepted."""

from dataclasses import asdict

from flask import Response, g

from ml_training import __version__
from ml_training.api import schemas
from ml_training.api.context import context, pid, resources
from ml_training.api.documented import blueprint, documented
from ml_training.api.render import rfc3339
from ml_training.api.respond import problem, reply
from ml_training.services.health import readiness

health = blueprint("health", "Is it alive, is it ready")
RETRY_AFTER_SECONDS = 2


@health.get("/live", responses={200: schemas.Live})
@documented()
def live() -> Response:
    """This process answers; says which one it is. Asks nobody else."""
    master = context().master
    return reply(
        {
            "status": "live",
            "pid": pid(),
            "master_pid": master.pid,
            "started_at": rfc3339(master.started_at),
            "version": __version__,
        }
    )


@health.get("/ready", responses={200: schemas.Ready})
@documented()
def ready() -> Response:
    """Jobs can be accepted; names each part. 503 when the database is away."""
    found = readiness(resources())
    parts = {name: asdict(part) for name, part in found.parts.items()}
    if found.ready:
        return reply({"status": "ready", "parts": parts})
    detail = "; ".join(f"{name}: {part.detail}" for name, part in found.parts.items() if not part.ok)
    return problem(503, "Not ready", detail, retry_after=RETRY_AFTER_SECONDS, request_id=g.request_id, parts=parts)
