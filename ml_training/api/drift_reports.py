"""Drift reports: how far rows are from those that models were trained on; list, show, delete."""

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
from ml_training.services.drift_reports import delete_drift_report


class DriftReportSummary(ResponseSchema):
    """How far rows are from those that a model was trained on, in a list."""

    id: int
    job_id: int
    model_id: int
    dataset_id: int
    rows: int = Field(description="that were compared with the training rows")
    weighted_psi: float = Field(description="PSI of the features, weighted by their importance for the model")
    drifted: bool
    created_at: Time


def _part(name: str) -> AliasPath:
    return AliasPath("details", name)


class DriftReport(DriftReportSummary):
    """How far rows are from those that a model was trained on (docs/drift.md)."""

    row_counts: dict[str, int] = Field(validation_alias=_part("rows"))
    by_time: bool = Field(validation_alias=_part("by_time"), description="both sides are in time order")
    threshold: float = Field(validation_alias=_part("threshold"))
    judged_psi: float = Field(
        validation_alias=_part("judged_psi"), description="the part of weighted_psi from features with a p-value"
    )
    p_value: float | None = Field(validation_alias=_part("p_value"), description="of judged_psi")
    auc: float | None = Field(validation_alias=_part("auc"), description="of a classifier over all features")
    weights: str = Field(validation_alias=_part("weights"), description="importance, or equal")
    features: list[dict[str, Any]] = Field(validation_alias=_part("features"), description="what drifts most first")
    lineage: dict[str, Any]


class DriftReportPage(ResponseSchema):
    """Drift reports, newest first."""

    items: list[DriftReportSummary]
    next_cursor: Cursor


drift_reports = result_blueprint(
    "drift-reports",
    "How far rows are from those that models were trained on",
    records.DriftReport,
    schema=DriftReport,
    page=DriftReportPage,
    show_summary="A drift report: distances and p-values by feature, and over all.",
)


@drift_reports.delete("/<id:drift_report_id>", responses={204: None, **problems(404)})
@documented(Role.SUBMITTER, path="drift_report_id")
def delete(drift_report_id: int) -> Response:
    """Delete a drift report."""
    delete_drift_report(resources(), drift_report_id)
    return no_content()
