"""Request bodies as they are documented; jobs are checked by their specs themselves."""

from pydantic import Field, RootModel

from ml_training.api.schemas import Schema
from ml_training.domain.spec_fields import ColumnName, Name
from ml_training.domain.specs import JobSpec


class JobRequest(RootModel[JobSpec]):
    """A job spec, by its job_type."""


class BatchRequest(Schema):
    """Many job specs."""

    jobs: list[JobSpec] = Field(min_length=1, max_length=1_000)


class SampleRequest(Schema):
    """A data set that ships with the service."""

    name: Name
    sample: str = Field(min_length=1, max_length=64, description="one of GET /datasets/samples")


class UploadForm(Schema):
    """The small fields around an uploaded file."""

    name: Name
    time_column: ColumnName | None = None
    phase_column: ColumnName | None = None
    group_column: ColumnName | None = None
