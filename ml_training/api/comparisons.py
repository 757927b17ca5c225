"""Comparisons: models ranked on the same rows."""

from flask import Response

from ml_training.api import response_schemas
from ml_training.api.context import resources
from ml_training.api.openapi_routes import blueprint, documented, problems
from ml_training.api.request_parameters import PageParameters
from ml_training.api.responses import json_response
from ml_training.services import queries

comparisons = blueprint("comparisons", "Models ranked on the same rows")


@comparisons.get("", responses={200: response_schemas.ComparisonPage})
@documented(query=PageParameters)
def list_all(query: PageParameters) -> Response:
    """Comparisons, newest first."""
    found = queries.list_comparisons(resources(), cursor=query.cursor, limit=query.limit)
    return json_response(response_schemas.ComparisonPage.from_record(found))


@comparisons.get("/<id:comparison_id>", responses={200: response_schemas.Comparison, **problems(404)})
@documented(path="comparison_id")
def show(comparison_id: int) -> Response:
    """A comparison: ranking, winner, significance."""
    return json_response(response_schemas.Comparison.from_record(queries.get_comparison(resources(), comparison_id)))
