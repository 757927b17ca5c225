"""Studies: what searches have found; list, show, and their trials."""

from typing import Any

from flask import Response
from pydantic import AliasPath, Field

from ml_training.api.context import resources
from ml_training.api.openapi_routes import documented, problems
from ml_training.api.request_parameters import PageParameters, StudyListParameters
from ml_training.api.response_schemas import Cursor, ResponseSchema, Time
from ml_training.api.responses import json_response
from ml_training.api.results import result_blueprint
from ml_training.domain import records
from ml_training.domain.caller import Role
from ml_training.domain.states import JobStatus
from ml_training.domain.study_steps import StoppedBy
from ml_training.services.studies import list_studies, list_trials


class StudySummary(ResponseSchema):
    """What a search has found, in a list."""

    id: int
    job_id: int
    dataset_id: int
    best_model_id: int
    metric: str
    sampler: str
    trials: int = Field(description="with halving also those that continue others")
    failed_trials: int = Field(description="FAILED, CANCELLED, or without a score")
    best_trial: int = Field(description="its number, from 1")
    model_name: str | None = Field(description="null for a study of an older version")
    best_score: float | None = Field(
        description="on the held-out rows, of several splits the mean; null when it is undefined for every trial"
    )
    stopped_by: StoppedBy
    created_at: Time


class WarmStart(ResponseSchema):
    """What a study has begun with."""

    studies: list[int] = Field(description="the earlier studies")
    trials: int = Field(description="how many of their trials, each point once")


class Study(StudySummary):
    """What a search has found."""

    best_values: dict[str, Any] = Field(
        validation_alias=AliasPath("details", "best_values"), description="by JSON pointer into train"
    )
    importances: dict[str, float | None] = Field(
        validation_alias=AliasPath("details", "importances"),
        description="the share of the spread of the scores that each parameter explains; null where it is not known",
    )
    warm_start: WarmStart | None = Field(description="null for a study without warm_start")


class StudyPage(ResponseSchema):
    """Studies, newest first."""

    items: list[StudySummary]
    next_cursor: Cursor


class Trial(ResponseSchema):
    """One trial of a study."""

    number: int
    job_id: int
    status: JobStatus
    values: dict[str, Any] = Field(description="what it tried, by JSON pointer into train")
    score: float | None = Field(description="null unless it is COMPLETED and its score is defined")
    seconds: float | None = Field(description="of run time; null when it was cancelled before it started")
    error: str | None
    continues: int | None = Field(description="with halving: the number of the trial that it continues")


class TrialPage(ResponseSchema):
    """Trials, in the order in which they were chosen."""

    items: list[Trial]
    next_cursor: Cursor


studies = result_blueprint(
    "studies",
    "Searches for the best parameters",
    records.Study,
    schema=Study,
    page=StudyPage,
    singular="study",
    parameters=StudyListParameters,
    read=list_studies,
    show_summary="A study: best trial, its model, importances of the parameters.",
)


@studies.get("/<id:study_id>/trials", responses={200: TrialPage, **problems(404)})
@documented(Role.VIEWER, path="study_id", query=PageParameters)
def trials_of(study_id: int, query: PageParameters) -> Response:
    """The trials of a study, in the order in which they were chosen."""
    found = list_trials(resources(), study_id, cursor=query.cursor, limit=query.limit)
    return json_response(TrialPage.from_record(found))
