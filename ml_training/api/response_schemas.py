"""The bodies of answers: each schema documents an answer in OpenAPI and makes it from a record of the database."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AliasPath, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema, create_model

from ml_training.domain.algorithms import ModelType
from ml_training.domain.errors import ErrorCode
from ml_training.domain.specs import SPECS, JobType
from ml_training.domain.states import DatasetStatus, JobStatus, TaskKind
from ml_training.domain.warnings import WarningCode


def rfc3339(seconds: float) -> str:
    """Unix seconds as UTC text with microseconds: 2026-01-31T12:00:00.000000Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


Time = Annotated[  # Unix seconds in records, RFC 3339 in answers
    float, PlainSerializer(rfc3339), WithJsonSchema({"type": "string", "format": "date-time"})
]
Cursor = Annotated[str | None, Field(description="for ?cursor= of the next page; null on the last one")]


class ResponseSchema(BaseModel):
    """Base of all: an answer has the fields of its schema and no others. NaN and infinity are errors: not JSON."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @classmethod
    def from_record(cls, record: object) -> Self:
        """The answer that shows a record. It reads the attributes that are fields here: a new column is not shown."""
        return cls.model_validate(record, from_attributes=True)


class PointedError(ResponseSchema):
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


class JobFailure(ResponseSchema):
    """Why a job is FAILED."""

    code: ErrorCode
    message: str
    hint: str


_RESULT_IDS: dict[str, Any] = {spec.result_field: (int | None, None) for spec in SPECS.values()}
JobResult = create_model(
    "JobResult",
    __base__=ResponseSchema,
    __doc__="What a COMPLETED job made: one id, named by the job type.",
    **_RESULT_IDS,
)


class JobWarning(ResponseSchema):
    """What the data say against a job that can run."""

    code: WarningCode
    pointer: str = Field(description="JSON pointer into the spec")
    detail: str


class Job(ResponseSchema):
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
    memory_bytes: int | None = Field(description="the estimate at submission: the most that the job will take")
    queue_wait_seconds: float | None
    created_at: Time
    started_at: Time | None = Field(description="start of the first attempt")
    finished_at: Time | None
    worker: str | None
    result: JobResult | None
    error: JobFailure | None
    spec: dict[str, Any] = Field(description="the request with every default filled in")
    warnings: list[JobWarning] = Field(description="what the data say against the job, though it can run")
    parent_id: int | None = Field(description="the TUNE job that made this one")
    reused_from: int | None = Field(description="the equal job whose result this one has; it may be deleted by now")


class JobPage(ResponseSchema):
    """Jobs, newest first."""

    items: list[Job]
    next_cursor: Cursor


class LogLine(ResponseSchema):
    """A line of a job's log."""

    seq: int = Field(description="its place in the journal; as ?cursor= it leads to the lines behind it")
    attempt: int
    at: Time
    line: str = Field(validation_alias=AliasPath("body", "line"))


class LogPage(ResponseSchema):
    """Log lines, oldest first."""

    items: list[LogLine]
    next_cursor: Annotated[str | None, Field(description="for ?cursor= of the next page; null when that is all now")]


class BatchAnswer(ResponseSchema):
    """The answer to one spec of a batch."""

    index: int
    status: int = Field(description="202 or 422")
    job: Job | None
    errors: list[PointedError]


class BatchAnswers(ResponseSchema):
    """The answers to all specs of a batch, in their order."""

    items: list[BatchAnswer]


class Reason(ResponseSchema):
    """Why a file was rejected, and where in it."""

    row: int | None
    column: str | None
    detail: str


class DatasetSummary(ResponseSchema):
    """A data set in a list."""

    id: int
    name: str
    version: int
    status: DatasetStatus
    file_format: str
    time_column: str | None
    phase_column: str | None
    group_column: str | None
    bytes: int = Field(validation_alias="raw_bytes")
    sha256: str = Field(validation_alias="raw_sha256")
    rows: int | None
    columns: int | None
    reasons: list[Reason]
    job_id: int | None
    created_at: Time


class DatasetWarning(ResponseSchema):
    """Something odd about a data set that is READY all the same."""

    code: str = Field(description="one of the codes in docs/files.md")
    pointer: str = Field(description="JSON pointer into this answer")
    detail: str


class DatasetOrigin(ResponseSchema):
    """Where the rows of a data set come from: a query on a connection, or a file below a root."""

    connection: str | None
    query: str | None
    source: str | None


class Dataset(DatasetSummary):
    """A data set with its profile, which is null until it is READY."""

    origin: DatasetOrigin | None = Field(
        validation_alias="came_from", description="null if somebody sent the bytes, else what a refresh asks again"
    )

    profile: dict[str, Any] | None = Field(description="rows, columns, and in parsing how the file was read")
    warnings: list[DatasetWarning] = Field(description="what is odd about the data; none before it is READY")


class DatasetPage(ResponseSchema):
    """Data sets, newest first."""

    items: list[DatasetSummary]
    next_cursor: Cursor


class StoredFile(ResponseSchema):
    """An uploaded file whose bytes are stored."""

    sha256: str
    bytes: int = Field(validation_alias="size")


class Preview(ResponseSchema):
    """The first rows of a data set."""

    items: list[dict[str, Any]]


class Sample(ResponseSchema):
    """A data set that ships with the service."""

    sample: str = Field(validation_alias="name", description="its name in POST /datasets")
    description: str
    rows: int
    columns: int = Field(description="with the target")
    task: str
    target: str
    time_column: str | None
    phase_column: str | None
    group_column: str | None


class Samples(ResponseSchema):
    """All samples."""

    items: list[Sample]


class Connection(ResponseSchema):
    """A database that a query may run on; its address is known to the service alone."""

    name: str
    kind: Literal["postgresql", "mariadb"] = Field(description="mariadb: also MySQL")


class Connections(ResponseSchema):
    """All connections that the project of the caller may use."""

    items: list[Connection]


class ModelTypeInfo(ResponseSchema):
    """A model type and its parameters as JSON Schema."""

    model_type: ModelType
    description: str
    tasks: list[str]
    early_stopping: bool
    parameters: dict[str, Any]


class ModelTypes(ResponseSchema):
    """All model types."""

    items: list[ModelTypeInfo]


class ModelSummary(ResponseSchema):
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
    created_at: Time


class Model(ModelSummary):
    """A trained model with what is known about it and where it came from."""

    details: dict[str, Any] = Field(
        description="rows, train_rows_scored, features, classes, importance, confusion matrix, curves, score_intervals"
    )
    lineage: dict[str, Any] = Field(description="spec, seed, library versions, code revision")


class ModelPage(ResponseSchema):
    """Models, newest first."""

    items: list[ModelSummary]
    next_cursor: Cursor


class Live(ResponseSchema):
    """A living process."""

    status: str
    pid: int
    master_pid: int = Field(description="the process that was started; pid is one of its children")
    started_at: datetime = Field(description="start of the master")
    version: str


class PartHealth(ResponseSchema):
    """One part of the service."""

    ok: bool
    detail: str


class Ready(ResponseSchema):
    """Whether jobs can be accepted, and how each part is."""

    status: str
    parts: dict[str, PartHealth]
