"""The spec of EXPLAIN: a model, and the rows of a data set on which it is looked at."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StrictInt, field_validator

from ml_training.domain.spec_fields import Id, Phases, Spec, SubmittedSpec, Time, ordered

MOST_SAMPLE_ROWS = 100_000
Metric = Literal[
    "accuracy",
    "f1",
    "precision",
    "recall",
    "roc_auc",
    "mcc",
    "log_loss",
    "fpr",
    "fnr",
    "rmse",
    "mae",
    "r2",
    "mape",
]
Cost = Annotated[float, Field(ge=0, le=1e12)]


class ErrorCosts(Spec):
    """What a wrong decision about a row costs, in any unit; a right one costs nothing."""

    false_positive: Cost
    false_negative: Cost


class ExplainSpec(SubmittedSpec):
    """Say what a model has learnt and where it is right, from rows of a data set that have a target."""

    result_field: ClassVar[str] = "explanation_id"

    job_type: Literal["EXPLAIN"]
    model_id: Id
    dataset_id: Id
    phases: Phases | None = None
    start: Time | None = None
    end: Time | None = None
    sample_rows: Annotated[StrictInt, Field(ge=1, le=MOST_SAMPLE_ROWS)] = 10_000
    metric: Metric | None = Field(
        None, description="the score that importances and slices are about; null: roc_auc, accuracy or r2, by the task"
    )
    costs: ErrorCosts | None = Field(None, description="of wrong decisions, for the table of thresholds")
    random_state: Annotated[StrictInt, Field(ge=0, lt=2**31)] = 42

    @field_validator("end")
    @classmethod
    def _ordered(cls, end: datetime | None, info: Any) -> datetime | None:
        return ordered(end, info.data.get("start"), "start")

    def model_ids_by_pointer(self) -> Mapping[str, int]:
        """See SubmittedSpec."""
        return {"/model_id": self.model_id}
