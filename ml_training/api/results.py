"""The results of TEST and COMPARE jobs: for each kind its schemas, and the routes that list and show any kind."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from ml_training.api.context import resources
from ml_training.api.openapi_routes import blueprint, documented, problems
from ml_training.api.request_parameters import PageParameters
from ml_training.api.response_schemas import Cursor, ResponseSchema, Time
from ml_training.api.responses import json_response
from ml_training.db.results import ResultT
from ml_training.domain import records
from ml_training.domain.caller import Role
from ml_training.services import queries


class TestResultSummary(ResponseSchema):
    """A model evaluated on a data set, in a list."""

    __test__ = False  # pytest must not collect this class

    id: int
    job_id: int
    model_id: int
    dataset_id: int
    rows: int
    scores: dict[str, Any]
    overlap: bool = Field(description="some of these rows were trained on")
    degradation: dict[str, Any]
    overfitted: bool | None
    accuracy: float | None
    created_at: Time


class TestResult(TestResultSummary):
    """A model evaluated on a data set."""

    details: dict[str, Any] = Field(description="rows, confusion matrix, curves, score_intervals")


class TestResultPage(ResponseSchema):
    """Test results, newest first."""

    __test__ = False  # pytest must not collect this class

    items: list[TestResultSummary]
    next_cursor: Cursor


class Comparison(ResponseSchema):
    """Models ranked on the same rows."""

    id: int
    job_id: int
    dataset_id: int
    metric: str
    rows: int
    winner_model_id: int | None = Field(description="null is a tie")
    ranking: list[dict[str, Any]]
    significance: dict[str, Any]
    created_at: Time


class ComparisonPage(ResponseSchema):
    """Comparisons, newest first."""

    items: list[Comparison]
    next_cursor: Cursor


def result_blueprint(
    name: str,
    description: str,
    record: type[ResultT],
    *,
    schema: type[ResponseSchema],
    page: type[ResponseSchema],
    show_summary: str,
    singular: str | None = None,
    parameters: type[PageParameters] = PageParameters,
    read: Callable[..., Any] | None = None,
) -> APIBlueprint:
    """The routes of one kind of result: `GET /<name>` and `GET /<name>/<id>`.

    schema and page: the bodies of one result and of a page of results; show_summary: what OpenAPI says of the second
    route; singular: the name of one, unless it is the name without the last letter; parameters and read: of a list that
    has filters, what it is asked with and what reads a page of it.
    """
    routes = blueprint(name, description)
    id_name = f"{(singular or name.removesuffix('s')).replace('-', '_')}_id"

    def list_all(query: PageParameters) -> Response:
        ask = read or partial(queries.list_results, record=record)
        return json_response(page.from_record(ask(resources(), **query.model_dump())))

    def show(**path: int) -> Response:
        return json_response(schema.from_record(queries.get_result(resources(), record, path[id_name])))

    list_all.__doc__, show.__doc__ = page.__doc__, show_summary
    routes.get("", responses={200: page})(documented(Role.VIEWER, query=parameters)(list_all))
    routes.get(f"/<id:{id_name}>", responses={200: schema, **problems(404)})(
        documented(Role.VIEWER, path=id_name)(show)
    )
    return routes


RESULT_BLUEPRINTS = (
    result_blueprint(
        "test-results",
        "Models evaluated on data sets",
        records.TestResult,
        schema=TestResult,
        page=TestResultPage,
        show_summary="A test result: scores, overlap with the training rows, degradation.",
    ),
    result_blueprint(
        "comparisons",
        "Models ranked on the same rows",
        records.Comparison,
        schema=Comparison,
        page=ComparisonPage,
        show_summary="A comparison: ranking, winner, significance.",
    ),
)
