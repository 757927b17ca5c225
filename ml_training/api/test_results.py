"""Test results: models evaluated on data sets."""

from flask import Response

from ml_training.api import response_schemas
from ml_training.api.context import resources
from ml_training.api.openapi_routes import blueprint, documented, problems
from ml_training.api.request_parameters import PageParameters
from ml_training.api.responses import json_response
from ml_training.services import queries

test_results = blueprint("test-results", "Models evaluated on data sets")


@test_results.get("", responses={200: response_schemas.TestResultPage})
@documented(query=PageParameters)
def list_all(query: PageParameters) -> Response:
    """Test results, newest first."""
    found = queries.list_test_results(resources(), cursor=query.cursor, limit=query.limit)
    return json_response(response_schemas.TestResultPage.from_record(found))


@test_results.get("/<id:test_result_id>", responses={200: response_schemas.TestResult, **problems(404)})
@documented(path="test_result_id")
def show(test_result_id: int) -> Response:
    """A test result: scores, overlap with the training rows, degradation."""
    return json_response(response_schemas.TestResult.from_record(queries.get_test_result(resources(), test_result_id)))
