"""Answers as they are documented; a test holds every rendered answer against them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ml_training.domain.algorithms import ModelType
from ml_training.domain.errors import ErrorCode
from ml_training.domain.specs import JobType
from ml_training.domain.states import DatasetStatus, JobStatus, TaskKind

Cursor = Annotated[str | None, Field(description="for ?cursor= of the next page; null on the last one")]


class Schema(BaseModel):
    """Base of all: closed, so that an undocumented member fails the tests."""

    model_config = ConfigDict(extra="forbid")


class PointedError(Schema):
    """One thing that is wrong."""

    pointer: str = Field(description="JSON pointer into the body; of a query parameter or form field: / and its name")
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[PointedError] = Field([], description="every reason at once")
    request_id: str = Field(description="the X-Request-Id of the answer; the log knows more about it")


class JobFailure(Schema):
    """Why a job is FAILED."""

    code: ErrorCode
    message: str
    hint: str


class JobResult(Schema):
    """What a COMPLETED job made: one id, named by the job type."""

    model_id: int | None = None
    test_result_id: int | None = None
    comparison_id: int | None = None
    dataset_id: int | None = None


class Job(Schema):
    """A job as it is now."""

    id: int
    job_type: JobType
    model_type: str = Field(description="the model type, mixed (models of several types) or none (INGEST)")
    status: JobStatus
    progress: float = Field(ge=0, le=1)
    progress_message: str
    eta_seconds: float | None
    attempt: int
    cancel_requested: bool
    dataset_id: int | None
    priority: int
    max_runtime_seconds: float
    features_count: int | None
    phases_count: int
    queue_wait_seconds: float | None
    created_at: datetime
    started_at: datetime | None = Field(description="start of the first attempt")
    finished_at: datetime | None
    worker: str | None
    result: JobResult | None
    error: JobFailure | None
    spec: dict[str, Any] = Field(description="the request with every default filled in")


class JobPage(Schema):
    """Jobs, newest first."""

    items: list[Job]
    next_cursor: Cursor


class LogLine(Schema):
    """A line of a job's log."""

    seq: int = Field(description="its place in the journal; as ?cursor= it leads to the lines behind it")
    attempt: int
    at: datetime
    line: str


class LogPage(Schema):
    """Log lines, oldest first."""

    items: list[LogLine]
    next_cursor: Annotated[str | None, Field(description="for ?cursor= of the next page; null when that is all now")]


class BatchAnswer(Schema):
    """The answer to one spec of a batch."""

    index: int
    status: int = Field(description="202 or 422")
    job: Job | None
    errors: list[PointedError]


class BatchAnswers(Schema):
    """The answers to all specs of a batch, in their order."""

    items: list[BatchAnswer]


class Reason(Schema):
    """Why a file was rejected, and where in it."""

    row: int | None
    column: str | None
    detail: str


class DatasetSummary(Schema):
    """A data set in a list."""

    id: int
    name: str
    version: int
    status: DatasetStatus
    file_format: str
    time_column: str | None
    phase_column: str | None
    group_column: str | None
    bytes: int
    sha256: str
    rows: int | None
    columns: int | None
    reasons: list[Reason]
    job_id: int | None
    created_at: datetime


class Dataset(DatasetSummary):
    """A data set with its profile, which is null until it is READY."""

    profile: dict[str, Any] | None


class DatasetPage(Schema):
    """Data sets, newest first."""

    items: list[DatasetSummary]
    next_cursor: Cursor


class Preview(Schema):
    """The first rows of a data set."""

    items: list[dict[str, Any]]


class Sample(Schema):
    """A data set that ships with the service."""

    sample: str = Field(description="its name in POST /datasets")
    description: str
    rows: int
    columns: int = Field(description="with the target")
    task: str
    target: str


class Samples(Schema):
    """All samples."""

    items: list[Sample]


class ModelTypeInfo(Schema):
    """A model type and its parameters as JSON Schema."""

    model_type: ModelType
    description: str
    tasks: list[str]
    early_stopping: bool
    parameters: dict[str, Any]


class ModelTypes(Schema):
    """All model types."""

    items: list[ModelTypeInfo]


class ModelSummary(Schema):
    """A trained model in a list."""

    id: int
    name: str
    version: int
    model_type: ModelType
    task: TaskKind
    job_id: int
    dataset_id: int
    dataset_sha256: str
    artifact_sha256: str
    artifact_bytes: int
    scores: dict[str, Any]
    train_accuracy: float | None
    test_accuracy: float | None
    description: str
    tags: list[str]
    aliases: list[str] = Field(description="each points to one version of the name")
    created_at: datetime


class Model(ModelSummary):
    """A trained model with what is known about it and where it came from."""

    details: dict[str, Any] = Field(description="features, classes, importance, confusion matrix, curves")
    lineage: dict[str, Any] = Field(description="spec, seed, library versions, code revision")


class ModelPage(Schema):
    """Models, newest first."""

    items: list[ModelSummary]
    next_cursor: Cursor


class TestResultSummary(Schema):
    """A model evaluated on a data set, in a list."""

    __test__ = False  # not a test class, whatever its name

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
    created_at: datetime


class TestResult(TestResultSummary):
    """A model evaluated on a data set."""

    details: dict[str, Any] = Field(description="rows, confusion matrix, curves")


class TestResultPage(Schema):
    """Test results, newest first."""

    __test__ = False

    items: list[TestResultSummary]
    next_cursor: Cursor


class Comparison(Schema):
    """Models ranked on the same rows."""

    id: int
    job_id: int
    dataset_id: int
    metric: str
    rows: int
    winner_model_id: int | None = Field(description="null is a tie")
    ranking: list[dict[str, Any]]
    significance: dict[str, Any]
    created_at: datetime


class ComparisonPage(Schema):
    """Comparisons, newest first."""

    items: list[Comparison]
    next_cursor: Cursor


class Live(Schema):
    """A living process."""

    status: str
    pid: int
    master_pid: int = Field(description="the process that was started; pid is one of its children")
    started_at: datetime = Field(description="start of the master")
    version: str


class PartHealth(Schema):
    """One part of the service."""

    ok: bool
    detail: str


class Ready(Schema):
    """Whether jobs can be accepted, and how each part is."""

    status: str
    parts: dict[str, PartHealth]
