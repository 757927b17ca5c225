"""Rows of the database as frozen values; times are Unix seconds of the database's clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_training.domain.specs import SPECS, JobType
from ml_training.domain.states import DatasetStatus, JobStatus

Json = Mapping[str, Any]
ORIGIN_FIELDS = ("connection", "query", "source")


@dataclass(frozen=True, slots=True)
class AliasMove:
    """From a moment on an alias points to a model, or to none."""

    alias: str
    model_id: int | None
    version: int | None
    moved_at: float
    moved_by: str | None  # the id of the key


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job is FAILED."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of `jobs`."""

    id: int
    project_id: int
    job_type: JobType
    model_type: str  # the metrics label: the model's type, "mixed" or "none"
    status: JobStatus
    spec: Json
    dataset_id: int | None
    priority: int
    attempt: int
    cancel_requested: bool
    max_runtime_seconds: float
    runtime_seconds: float  # spent by earlier attempts
    progress: float
    progress_message: str
    eta_seconds: float | None
    features_count: int | None
    phases_count: int
    created_at: float
    run_after: float
    attempt_started_at: float | None
    started_at: float | None
    finished_at: float | None
    worker: str | None
    error: JobError | None
    result_id: int | None
    warnings: tuple[Json, ...] = ()  # {"code", "pointer", "detail"}
    created_by: str | None = None  # the id of the key, here and below
    memory_bytes: int | None = None  # the estimate at submission; None for an INGEST
    parent_id: int | None = None  # the TUNE job that made this one
    reused_from: int | None = None  # the equal job whose result this one has

    @property
    def queue_wait_seconds(self) -> float | None:
        """From acceptance to the first start; None before."""
        return None if self.started_at is None else max(0.0, self.started_at - self.created_at)

    @property
    def result(self) -> Mapping[str, int | None] | None:
        """The id of what a COMPLETED job made, under the name for its job type: {"model_id": 7}; None before."""
        return {SPECS[self.job_type].result_field: self.result_id} if self.status is JobStatus.COMPLETED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One row of `datasets`: immutable bytes under a name and a version."""

    id: int
    name: str
    version: int
    status: DatasetStatus
    file_format: str  # one of FORMATS, or sample
    time_column: str | None
    phase_column: str | None
    group_column: str | None
    raw_key: str
    raw_sha256: str
    raw_bytes: int
    index_key: str | None  # the selection index, once READY
    index_sha256: str | None
    index_bytes: int
    rows: int | None
    columns: int | None
    profile: Json | None
    reasons: tuple[Json, ...]  # of a rejection: {"row", "column", "detail"}
    job_id: int | None
    created_at: float
    deleted_at: float | None
    created_by: str | None = None
    origin: Json | None = None  # {"connection", "query"} or {"source"}, with "options"; None: somebody sent the bytes
    origin_sha256: str | None = None  # of the origin and the roles: what a refresh asks for again
    origin_version: str | None = None  # what tells two results of the origin apart: a SHA-256, or an ETag

    @property
    def came_from(self) -> Json | None:
        """The origin as it is shown: each of its fields, None where it has none; None for an upload, and in lists."""
        return None if self.origin is None else {name: self.origin.get(name) for name in ORIGIN_FIELDS}

    @property
    def warnings(self) -> Sequence[Json]:
        """What is odd about a READY data set: {"code", "pointer", "detail"}."""
        return () if self.profile is None else self.profile.get("warnings", ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One row of `models`: a trained model and its lineage."""

    id: int
    name: str
    version: int
    model_type: str
    task: str
    job_id: int
    attempt: int
    dataset_id: int
    dataset_sha256: str
    artifact_key: str
    artifact_sha256: str
    artifact_bytes: int
    scores: Json  # {"train": {...}, "held_out": {...}}
    details: Json  # features, classes, importance, confusion matrix, curves
    lineage: Json  # spec, seed, library versions, code revision
    train_accuracy: float | None
    test_accuracy: float | None
    created_at: float
    deleted_at: float | None
    description: str
    tags: tuple[str, ...]
    aliases: tuple[str, ...]  # such as champion; each points to one version of the name
    drift: float | None = None  # weighted_psi of the newest drift report
    created_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """One row of `test_results`: a model evaluated on a data set."""

    __test__ = False  # pytest must not collect this class

    id: int
    job_id: int
    attempt: int
    model_id: int
    dataset_id: int
    rows: int
    scores: Json
    overlap: bool
    degradation: Json
    overfitted: bool | None
    accuracy: float | None
    details: Json  # rows, confusion matrix, curves
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One row of `comparisons`: models ranked on the same rows; winner None is a tie."""

    id: int
    job_id: int
    attempt: int
    dataset_id: int
    metric: str
    rows: int
    winner_model_id: int | None
    ranking: tuple[Json, ...]
    significance: Json
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One row of `predictions`: a file with what a model says about rows, and where it came from."""

    id: int
    job_id: int
    attempt: int
    model_id: int
    dataset_id: int | None  # None: the rows were given in the spec
    rows: int
    file_format: str  # parquet or csv
    object_key: str
    sha256: str
    bytes: int
    details: Json  # columns, unseen_categories, missing, preview
    lineage: Json  # SHA-256 of model and data set, spec, library versions, code revision
    created_at: float
    deleted_at: float | None
    created_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One row of `explanations`: what a model has learnt, and where it is right, on rows of a data set."""

    id: int
    job_id: int
    attempt: int
    model_id: int
    dataset_id: int
    rows: int  # that it was computed from
    details: Json  # the parts that docs/explain.md describes
    lineage: Json  # SHA-256 of model and data set, spec, library versions, code revision
    created_at: float
    deleted_at: float | None
    created_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """One row of `drift_reports`: how far rows are from those that a model was trained on."""

    id: int
    job_id: int
    attempt: int
    model_id: int
    dataset_id: int
    rows: int  # that were compared with the training rows
    weighted_psi: float
    drifted: bool
    details: Json  # what docs/drift.md describes
    lineage: Json  # SHA-256 of model and data sets, spec, library versions, code revision
    created_at: float
    deleted_at: float | None
    created_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One row of `studies`: what a search found, and the model that was trained with it."""

    id: int
    job_id: int
    attempt: int
    dataset_id: int
    best_model_id: int
    metric: str
    sampler: str
    trials: int
    failed_trials: int  # or cancelled, or without a score
    best_trial: int  # its number
    best_score: float | None  # None: undefined for every trial
    stopped_by: str
    details: Json  # best_values, importances, warm_start
    created_at: float
    model_name: str | None

    @property
    def warm_start(self) -> Json | None:
        """What it has begun with, {"studies", "trials"}; None for a study without `warm_start`."""
        found: Json | None = self.details.get("warm_start")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One row of `job_events`: progress, scores of an iteration, a log line, or the end."""

    job_id: int
    seq: int
    attempt: int
    kind: str
    body: Json
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """One row of `heartbeats`: a process that is or was alive."""

    process: str
    kind: str  # api, worker, maintenance, exporter
    started_at: float
    seen_at: float
    draining: bool
    body: Json
