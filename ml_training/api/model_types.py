"""Model types: what can be trained, and with which parameters."""

from flask import Response

from ml_training.api import response_schemas
from ml_training.api.openapi_routes import blueprint, documented
from ml_training.api.responses import json_response
from ml_training.domain.algorithms import ModelType, describe
from ml_training.domain.caller import Role

model_types = blueprint("model-types", "What can be trained")


@model_types.get("", responses={200: response_schemas.ModelTypes})
@documented(Role.VIEWER)
def list_all() -> Response:
    """Each model type's parameters with type, range and default (JSON Schema)."""
    return json_response(
        response_schemas.ModelTypes.from_record({"items": [describe(model_type) for model_type in ModelType]})
    )
