"""Connections: the databases that queries may run on, by their names."""

from flask import Response

from ml_training.api import response_schemas
from ml_training.api.context import resources
from ml_training.api.openapi_routes import blueprint, documented
from ml_training.api.responses import json_response
from ml_training.domain.caller import Role
from ml_training.services.sourced_datasets import list_connections

connections = blueprint("connections", "Databases that data sets come from")


@connections.get("", responses={200: response_schemas.Connections})
@documented(Role.VIEWER)
def list_all() -> Response:
    """The connections that the project may use; the configuration names them and knows their addresses."""
    return json_response(response_schemas.Connections.from_record({"items": list_connections(resources())}))
