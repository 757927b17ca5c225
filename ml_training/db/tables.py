"""The tables in SQLAlchemy Core; a test compares them with the migrated schema of both databases."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from ml_training.db import project_tables
from ml_training.db.alias_tables import model_aliases as model_aliases
from ml_training.db.columns import BigId, double, foreign_key, id_column, integer, project_column, quoted, string, time
from ml_training.db.dataset_tables import datasets as datasets
from ml_training.db.name_search import search_index
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus

metadata = project_tables.metadata


jobs = Table(
    "jobs",
    metadata,
    id_column(),
    string("job_type"),
    string("model_type"),
    string("status"),
    Column("spec", JSON, nullable=False),
    foreign_key("dataset_id", "datasets.id", nullable=True),
    Column("priority", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    double("max_runtime_seconds"),
    double("runtime_seconds"),
    time("lease_until", nullable=True),
    string("worker", nullable=True),
    double("progress"),
    string("progress_message"),
    double("eta_seconds", nullable=True),
    Column("features_count", Integer, nullable=True),
    Column("phases_count", Integer, nullable=False),
    integer("rows_used", nullable=True),
    time("created_at"),
    time("run_after"),
    time("attempt_started_at", nullable=True),
    time("started_at", nullable=True),
    time("finished_at", nullable=True),
    string("error_code", nullable=True),
    string("error_message", nullable=True),
    string("error_hint", nullable=True),
    Column("result_id", BigId, nullable=True),
    Column("model_name", Text, Computed("spec ->> 'model_name'")),  # for the list of jobs
    Column("warnings", JSON, nullable=False, server_default=text("'[]'")),  # [{"code", "pointer", "detail"}, ...]
    string("object_missed_by", nullable=True),  # the worker that did not find a stored object of the job
    string("created_by", nullable=True),
    integer("memory_bytes", nullable=True),  # the estimate at submission
    Column("parent_id", BigId, nullable=True),  # of a trial, and of the training of a study's model: its TUNE job
    Column("open_children", Integer, nullable=True),  # of a TUNE job with trials: those that have not ended
    double("estimated_seconds", nullable=True),  # the run time that a dry run said just before the submission
    double("estimated_wait", nullable=True),  # and the time until the start
    Column("reused_from", BigId, nullable=True),  # the equal job whose result this one has; it may be deleted since
    project_column(),
    CheckConstraint(f"job_type IN ({quoted(JobType)})", name="jobs_job_type"),
    CheckConstraint(f"status IN ({quoted(JobStatus)})", name="jobs_status"),
    CheckConstraint("priority BETWEEN 1 AND 10 AND attempt >= 0", name="jobs_ranges"),
    CheckConstraint("progress >= 0 AND progress <= 1", name="jobs_progress"),
    CheckConstraint("(status = 'RUNNING') = (lease_until IS NOT NULL)", name="jobs_lease"),
    CheckConstraint("(status = 'COMPLETED') = (result_id IS NOT NULL)", name="jobs_result"),
    sqlite_autoincrement=True,
)


def _partial_index(table: Table, name: str, condition: str, *columns: str) -> None:
    keys = (table.c[column] for column in columns)
    Index(name, *keys, sqlite_where=text(condition), postgresql_where=text(condition))


# Two indexes, so that a claim never reads the jobs that wait for their time (run_after).
_partial_index(jobs, "jobs_due", "status = 'PENDING' AND run_after <= created_at", "priority", "project_id", "id")
_partial_index(jobs, "jobs_delayed", "status = 'PENDING' AND run_after > created_at", "run_after", "priority", "id")
_partial_index(jobs, "jobs_leases", "status = 'RUNNING'", "lease_until")
_partial_index(jobs, "jobs_finished", "finished_at IS NOT NULL", "finished_at", "project_id")
# What the exporter reads and counts, of all projects together.
LIVE = "status IN ('PENDING', 'RUNNING')"
_partial_index(jobs, "jobs_live", LIVE, "status", "job_type", "id", "run_after", "cancel_requested")
# These for the filters of a project's lists, see job_lists.py; the jobs of a study are in none of them but the last.
TOP = "parent_id IS NULL"
_partial_index(jobs, "jobs_by_project", TOP, "project_id", "id")
_partial_index(jobs, "jobs_dataset", TOP, "project_id", "dataset_id", "status", "job_type", "id")
NAMED_TOP = f"model_name IS NOT NULL AND {TOP}"
_partial_index(jobs, "jobs_by_name", NAMED_TOP, "project_id", "model_name", "status", "id")
search_index(jobs, "jobs_search", jobs.c.model_name, jobs.c.status, NAMED_TOP)
_partial_index(jobs, "jobs_by_status", TOP, "project_id", "status", "job_type", "id")
_partial_index(jobs, "jobs_by_model_type", TOP, "project_id", "model_type", "status", "job_type", "id")
_partial_index(jobs, "jobs_waiting_studies", "status = 'PENDING' AND open_children IS NOT NULL", "project_id", "id")
_partial_index(jobs, "jobs_ended", f"finished_at IS NOT NULL AND {TOP}", "project_id", "finished_at", "status")
_partial_index(jobs, "jobs_by_parent", "parent_id IS NOT NULL", "project_id", "parent_id", "id")
TOP_ENDED = (jobs.c.finished_at.is_not(None), jobs.c.parent_id.is_(None))  # what the database must read for jobs_ended

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    project_column(primary_key=True),
    Column("key", Text, primary_key=True),
    string("fingerprint"),
    Column("outcome", JSON, nullable=False),  # [{"job_id": 7} | {"errors": [...]}, ...]: one item a spec
    Column("created_at", Double, nullable=False, index=True),
)

job_events = Table(
    "job_events",
    metadata,
    Column("job_id", BigId, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("attempt", Integer, nullable=False),
    string("kind"),
    Column("body", JSON, nullable=False),
    time("at"),
)

lost_attempts = Table(
    "lost_attempts",
    metadata,
    id_column(),
    Column("job_id", BigId, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    string("reason"),
    time("lost_at"),
    UniqueConstraint("job_id", "attempt", name="lost_attempts_once"),
    sqlite_autoincrement=True,
)

checkpoints = Table(
    "checkpoints",
    metadata,
    id_column(),
    Column("job_id", BigId, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),  # 0: of the trial that this one continues
    integer("done"),
    Column("key", Text, nullable=False, index=True),
    string("sha256"),
    integer("bytes"),
    time("created_at"),
    Column("study_job_id", BigId, nullable=True),  # a study that needs it after its job has ended
    sqlite_autoincrement=True,
)

Index(
    "checkpoints_of_study",
    checkpoints.c.study_job_id,
    sqlite_where=text("study_job_id IS NOT NULL"),
    postgresql_where=text("study_job_id IS NOT NULL"),
)

models = Table(
    "models",
    metadata,
    id_column(),
    string("name"),
    Column("version", Integer, nullable=False),
    string("model_type"),
    string("task"),
    Column("job_id", BigId, nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    foreign_key("dataset_id", "datasets.id"),
    string("dataset_sha256"),
    string("artifact_key"),
    string("artifact_sha256"),
    integer("artifact_bytes"),
    Column("scores", JSON, nullable=False),
    Column("details", JSON, nullable=False),
    Column("lineage", JSON, nullable=False),
    double("train_accuracy", nullable=True),
    double("test_accuracy", nullable=True),
    double("drift", nullable=True),  # of the newest drift report, for the metrics
    time("created_at"),
    time("deleted_at", nullable=True),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("tags", JSON, nullable=False, server_default=text("'[]'")),
    string("created_by", nullable=True),
    string("reuse_key", nullable=True),  # equal for equal jobs, here and below: see execution/reuse_key.py
    project_column(),
    UniqueConstraint("project_id", "name", "version", name="models_name_version"),
    sqlite_autoincrement=True,
)
NOT_DELETED = "deleted_at IS NULL"
_partial_index(models, "models_by_type", NOT_DELETED, "project_id", "model_type", "id")
_partial_index(models, "models_by_dataset", NOT_DELETED, "project_id", "dataset_id", "model_type", "id")
_partial_index(models, "models_by_name", NOT_DELETED, "project_id", "name", "model_type", "id")
search_index(models, "models_search", models.c.name, models.c.model_type, NOT_DELETED)
Index("models_artifact", models.c.artifact_key)
_partial_index(models, "models_reuse", f"reuse_key IS NOT NULL AND {NOT_DELETED}", "project_id", "reuse_key", "id")

model_tags = Table(  # triggers keep it equal to models.tags, for the list of models
    "model_tags",
    metadata,
    project_column(primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("model_id", BigId, ForeignKey("models.id"), primary_key=True, index=True),
)

job_models = Table(  # the models that a job names
    "job_models",
    metadata,
    Column("job_id", BigId, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("model_id", BigId, ForeignKey("models.id"), primary_key=True, index=True),
)

test_results = Table(
    "test_results",
    metadata,
    id_column(),
    Column("job_id", BigId, nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    foreign_key("model_id", "models.id"),
    foreign_key("dataset_id", "datasets.id"),
    integer("rows"),
    Column("scores", JSON, nullable=False),
    Column("overlap", Boolean, nullable=False),
    Column("degradation", JSON, nullable=False),
    Column("overfitted", Boolean, nullable=True),
    double("accuracy", nullable=True),
    Column("details", JSON, nullable=False),
    time("created_at"),
    project_column(),
    sqlite_autoincrement=True,
)
Index("test_results_by_project", test_results.c.project_id, test_results.c.id)

comparisons = Table(
    "comparisons",
    metadata,
    id_column(),
    Column("job_id", BigId, nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    foreign_key("dataset_id", "datasets.id"),
    string("metric"),
    integer("rows"),
    foreign_key("winner_model_id", "models.id", nullable=True),
    Column("ranking", JSON, nullable=False),
    Column("significance", JSON, nullable=False),
    time("created_at"),
    project_column(),
    sqlite_autoincrement=True,
)
Index("comparisons_by_project", comparisons.c.project_id, comparisons.c.id)

predictions = Table(
    "predictions",
    metadata,
    id_column(),
    Column("job_id", BigId, nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    foreign_key("model_id", "models.id"),
    foreign_key("dataset_id", "datasets.id", nullable=True),
    integer("rows"),
    string("file_format"),
    string("object_key"),
    string("sha256"),
    integer("bytes"),
    Column("details", JSON, nullable=False),
    Column("lineage", JSON, nullable=False),
    time("created_at"),
    time("deleted_at", nullable=True),
    string("created_by", nullable=True),
    string("reuse_key", nullable=True),
    project_column(),
    sqlite_autoincrement=True,
)
_partial_index(predictions, "predictions_live", NOT_DELETED, "project_id", "id")
_partial_index(
    predictions, "predictions_reuse", f"reuse_key IS NOT NULL AND {NOT_DELETED}", "project_id", "reuse_key", "id"
)
Index("predictions_object", predictions.c.object_key)

versions = Table(  # the last version used under a name; it never falls, so no version is used twice
    "versions",
    metadata,
    project_column(primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("last", Integer, nullable=False),
)

storage_identity = Table(  # one row: which storage belongs to this database
    "storage_identity",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
    string("identity"),
    time("created_at"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("process", Text, primary_key=True),
    string("kind"),
    time("started_at"),
    time("seen_at"),
    Column("draining", Boolean, nullable=False),
    Column("body", JSON, nullable=False),
)

_LEDGER = ("kind", "job_type", "label", "model_type")
ledger = Table(
    "ledger",
    metadata,
    id_column(),
    *(string(name) for name in _LEDGER),
    Column("bucket", Integer, nullable=False),  # -1: not in the histogram
    double("seconds"),
    integer("rows"),
    sqlite_autoincrement=True,
)
ledger_totals = Table(
    "ledger_totals",
    metadata,
    *(Column(name, Text, primary_key=True) for name in _LEDGER),
    Column("bucket", Integer, primary_key=True),
    integer("n"),
    double("seconds"),
    integer("rows"),
)
