"""Explanations: what models have learnt, and where they are right; list, show, delete."""

from typing import Any

from flask import Response
from pydantic import AliasPath, Field

from ml_training.api.context import resources
from ml_training.api.openapi_routes import documented, problems
from ml_training.api.response_schemas import Cursor, ResponseSchema, Time
from ml_training.api.responses import no_content
from ml_training.api.results import result_blueprint
from ml_training.domain import records
from ml_training.domain.caller import Role
from ml_training.services.explanations import delete_explanation


class ExplanationSummary(ResponseSchema):
    """What a model has learnt, in a list."""

    id: int
    job_id: int
    model_id: int
    dataset_id: int
    rows: int = Field(description="that it was computed from")
    created_at: Time


def _part(name: str) -> AliasPath:
    return AliasPath("details", name)


class Explanation(ExplanationSummary):
    """What a model has learnt, and where it is right, on rows of a data set (docs/explain.md)."""

    row_counts: dict[str, int] = Field(validation_alias=_part("rows"), description="explained, labelled, dropped")
    metric: str = Field(validation_alias=_part("metric"), description="what importances and slices are about")
    scores: dict[str, float | None] = Field(validation_alias=_part("scores"), description="on these rows")
    score_intervals: dict[str, Any] = Field(validation_alias=_part("score_intervals"))
    permutation_importance: dict[str, Any] = Field(validation_alias=_part("permutation_importance"))
    contributions: dict[str, Any] = Field(
        validation_alias=_part("contributions"),
        description="without them features is null, and reason says why",
    )
    partial_dependence: list[dict[str, Any]] = Field(validation_alias=_part("partial_dependence"))
    calibration: dict[str, Any] | None = Field(
        validation_alias=_part("calibration"), description="null without probabilities"
    )
    thresholds: dict[str, Any] | None = Field(
        validation_alias=_part("thresholds"), description="null unless there are two classes"
    )
    lift: list[dict[str, Any]] | None = Field(
        validation_alias=_part("lift"), description="null unless there are two classes"
    )
    residuals: dict[str, Any] | None = Field(validation_alias=_part("residuals"), description="null for classes")
    slices: list[dict[str, Any]] = Field(validation_alias=_part("slices"))
    lineage: dict[str, Any] = Field(
        description="SHA-256 of model and data set, name and version of the model, spec, library versions"
    )


class ExplanationPage(ResponseSchema):
    """Explanations, newest first."""

    items: list[ExplanationSummary]
    next_cursor: Cursor


explanations = result_blueprint(
    "explanations",
    "What models have learnt",
    records.Explanation,
    schema=Explanation,
    page=ExplanationPage,
    show_summary="An explanation: importance, dependence, calibration, thresholds, slices.",
)


@explanations.delete("/<id:explanation_id>", responses={204: None, **problems(404)})
@documented(Role.SUBMITTER, path="explanation_id")
def delete(explanation_id: int) -> Response:
    """Delete an explanation."""
    delete_explanation(resources(), explanation_id)
    return no_content()
