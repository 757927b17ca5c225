"""Test results: models evaluated on data sets."""

from flask import Response

from ml_training.api import render, schemas
from ml_training.api.context import resources
from ml_training.api.documented import blueprint, documented, problems
from ml_training.api.queries import PageQuery
from ml_training.api.respond import reply
from ml_training.services import queries

test_results = blueprint("test-results", "Models evaluated on data sets")


@test_results.get("", responses={200: schemas.TestResultPage})
@documented(query=PageQuery)
def list_all(query: PageQuery) -> Response:
    """Test results, newest first."""
    found = queries.list_test_results(resources(), cursor=query.cursor, limit=query.limit)
    return reply(render.page(found, render.test_result_summary))


@test_results.get("/<id:test_result_id>", responses={200: schemas.TestResult, **problems(404)})
@documented(path="test_result_id")
def show(test_result_id: int) -> Response:
    """A test result: scores, overlap with the training rows, degradation."""
    return reply(render.test_result(queries.get_test_result(resources(), test_result_id)))
