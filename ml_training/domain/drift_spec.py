"""The spec of DRIFT: a model, and rows that are compared with those that it was trained on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StrictInt, field_validator

from ml_training.domain.spec_fields import Id, Phases, SubmittedSpec, Time, ordered

LEAST_SAMPLE_ROWS, MOST_SAMPLE_ROWS = 100, 100_000


class DriftSpec(SubmittedSpec):
    """Compare rows of a data set with the rows that a model was trained on."""

    result_field: ClassVar[str] = "drift_report_id"

    job_type: Literal["DRIFT"]
    model_id: Id
    dataset_id: Id
    phases: Phases | None = None
    start: Time | None = None
    end: Time | None = None
    sample_rows: Annotated[StrictInt, Field(ge=LEAST_SAMPLE_ROWS, le=MOST_SAMPLE_ROWS)] = Field(
        20_000, description="of the training rows, and of the rows compared with them, at most"
    )
    threshold: Annotated[float, Field(gt=0, le=10)] = Field(
        0.1, description="drifted: weighted_psi is at least this, and not by chance"
    )
    random_state: Annotated[StrictInt, Field(ge=0, lt=2**31)] = 42

    @field_validator("end")
    @classmethod
    def _ordered(cls, end: datetime | None, info: Any) -> datetime | None:
        return ordered(end, info.data.get("start"), "start")

    def model_ids_by_pointer(self) -> Mapping[str, int]:
        """See SubmittedSpec."""
        return {"/model_id": self.model_id}
