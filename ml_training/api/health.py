"""Health routes: `live` says that this process answers, `ready` says that the service can accept jobs."""

from flask import Response, g

from ml_training import __version__
from ml_training.api import response_schemas
from ml_training.api.caller import is_stranger
from ml_training.api.context import context, pid, resources
from ml_training.api.openapi_routes import blueprint, documented
from ml_training.api.responses import json_response, problem
from ml_training.api.route_rules import EVERYONE
from ml_training.services.health import readiness

health = blueprint("health", "Is it alive, is it ready")
RETRY_AFTER_SECONDS = 2
HIDDEN = "a request with a key is told"  # names of machines, directories and processes are not for strangers


@health.get("/live", responses={200: response_schemas.Live})
@documented(EVERYONE)
def live() -> Response:
    """This process answers; says which one it is. Asks nobody else."""
    master = context().master
    return json_response(
        response_schemas.Live(
            status="live", pid=pid(), master_pid=master.pid, started_at=master.started_at, version=__version__
        )
    )


@health.get("/ready", responses={200: response_schemas.Ready})
@documented(EVERYONE)
def ready() -> Response:
    """Jobs can be accepted; names each part. 503 when the database is away."""
    found = readiness(resources())
    hides = is_stranger()
    parts = {
        name: response_schemas.PartHealth(ok=part.ok, detail=HIDDEN if hides else part.detail)
        for name, part in found.components.items()
    }
    if found.ready:
        return json_response(response_schemas.Ready(status="ready", parts=parts))
    detail = "; ".join(f"{name}: {part.detail}" for name, part in parts.items() if not part.ok)
    shown = {name: part.model_dump() for name, part in parts.items()}
    return problem(503, "Not ready", detail, retry_after=RETRY_AFTER_SECONDS, request_id=g.request_id, parts=shown)
