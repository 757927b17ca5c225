"""The tables in SQLAlchemy Core; a test compares them with the migrated schema of both databases."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from ml_training.domain.specs import JobType
from ml_training.domain.states import DatasetStatus, JobStatus

metadata = MetaData()
BigId = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", BigId, primary_key=True, autoincrement=True)


def _double(name: str, *, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> Column[float]:
    """Unix seconds of the database's clock."""
    return _double(name, nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _integer(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _foreign_key(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigId, ForeignKey(target), nullable=nullable)


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


datasets = Table(
    "datasets",
    metadata,
    _id(),
    _text("name"),
    Column("version", Integer, nullable=False),
    _text("status"),
    _text("file_format"),
    _text("time_column", nullable=True),
    _text("phase_column", nullable=True),
    _text("group_column", nullable=True),
    _text("raw_key"),
    _text("raw_sha256"),
    _integer("raw_bytes"),
    _text("index_key", nullable=True),
    _text("index_sha256", nullable=True),
    _integer("index_bytes"),
    _integer("rows", nullable=True),
    Column("columns", Integer, nullable=True),
    Column("profile", JSON, nullable=True),
    Column("reasons", JSON, nullable=False),
    Column("job_id", BigId, nullable=True),  # no foreign key: the ingest job goes with retention, the data set stays
    _time("created_at"),
    _time("deleted_at", nullable=True),
    UniqueConstraint("name", "version", name="datasets_name_version"),
    CheckConstraint(f"status IN ({_quoted(DatasetStatus)})", name="datasets_status"),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    _id(),
    _text("job_type"),
    _text("model_type"),
    _text("status"),
    Column("spec", JSON, nullable=False),
    _foreign_key("dataset_id", "datasets.id", nullable=True),
    Column("priority", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    _double("max_runtime_seconds"),
    _double("runtime_seconds"),
    _time("lease_until", nullable=True),
    _text("worker", nullable=True),
    _double("progress"),
    _text("progress_message"),
    _double("eta_seconds", nullable=True),
    Column("features_count", Integer, nullable=True),
    Column("phases_count", Integer, nullable=False),
    _integer("rows_used", nullable=True),
    _time("created_at"),
    _time("run_after"),
    _time("attempt_started_at", nullable=True),
    _time("started_at", nullable=True),
    _time("finished_at", nullable=True),
    _text("error_code", nullable=True),
    _text("error_message", nullable=True),
    _text("error_hint", nullable=True),
    Column("result_id", BigId, nullable=True),
    Column("warnings", JSON, nullable=False, server_default=text("'[]'")),  # [{"code", "pointer", "detail"}, ...]
    _text("object_missed_by", nullable=True),  # the worker that did not find a stored object of the job
    CheckConstraint(f"job_type IN ({_quoted(JobType)})", name="jobs_job_type"),
    CheckConstraint(f"status IN ({_quoted(JobStatus)})", name="jobs_status"),
    CheckConstraint("priority BETWEEN 1 AND 10 AND attempt >= 0", name="jobs_ranges"),
    CheckConstraint("progress >= 0 AND progress <= 1", name="jobs_progress"),
    CheckConstraint("(status = 'RUNNING') = (lease_until IS NOT NULL)", name="jobs_lease"),
    CheckConstraint("(status = 'COMPLETED') = (result_id IS NOT NULL)", name="jobs_result"),
    sqlite_autoincrement=True,
)


def _partial_index(name: str, condition: str, *columns: Column[Any]) -> None:
    Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


# Two indexes, so that a claim never reads the jobs that wait for their time (run_after).
_partial_index("jobs_due", "status = 'PENDING' AND run_after <= created_at", jobs.c.priority, jobs.c.id)
_partial_index(
    "jobs_delayed", "status = 'PENDING' AND run_after > created_at", jobs.c.run_after, jobs.c.priority, jobs.c.id
)
_partial_index("jobs_leases", "status = 'RUNNING'", jobs.c.lease_until)
_partial_index("jobs_finished", "finished_at IS NOT NULL", jobs.c.finished_at)
Index("jobs_dataset", jobs.c.dataset_id, jobs.c.status)
# For the filters of lists, see newest.py. The first one ends with what the exporter counts of the jobs that wait.
Index("jobs_by_status", jobs.c.status, jobs.c.job_type, jobs.c.id, jobs.c.run_after, jobs.c.cancel_requested)
Index("jobs_by_model_type", jobs.c.model_type, jobs.c.status, jobs.c.job_type, jobs.c.id)

queue_lengths = Table(  # triggers keep the sum of n equal to the number of PENDING jobs, see queue_length.py
    "queue_lengths",
    metadata,
    _id(),
    _integer("n"),
    sqlite_autoincrement=True,
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key", Text, primary_key=True),
    _text("fingerprint"),
    Column("outcome", JSON, nullable=False),  # [{"job_id": 7} | {"errors": [...]}, ...]: one item a spec
    Column("created_at", Double, nullable=False, index=True),
)

job_events = Table(
    "job_events",
    metadata,
    Column("job_id", BigId, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("attempt", Integer, nullable=False),
    _text("kind"),
    Column("body", JSON, nullable=False),
    _time("at"),
)

lost_attempts = Table(
    "lost_attempts",
    metadata,
    _id(),
    Column("job_id", BigId, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    _text("reason"),
    _time("lost_at"),
    UniqueConstraint("job_id", "attempt", name="lost_attempts_once"),
    sqlite_autoincrement=True,
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _id(),
    Column("job_id", BigId, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    _integer("done"),
    Column("key", Text, nullable=False, index=True),
    _text("sha256"),
    _integer("bytes"),
    _time("created_at"),
    sqlite_autoincrement=True,
)

models = Table(
    "models",
    metadata,
    _id(),
    _text("name"),
    Column("version", Integer, nullable=False),
    _text("model_type"),
    _text("task"),
    Column("job_id", BigId, nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    _foreign_key("dataset_id", "datasets.id"),
    _text("dataset_sha256"),
    _text("artifact_key"),
    _text("artifact_sha256"),
    _integer("artifact_bytes"),
    Column("scores", JSON, nullable=False),
    Column("details", JSON, nullable=False),
    Column("lineage", JSON, nullable=False),
    _double("train_accuracy", nullable=True),
    _double("test_accuracy", nullable=True),
    _time("created_at"),
    _time("deleted_at", nullable=True),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("tags", JSON, nullable=False, server_default=text("'[]'")),
    UniqueConstraint("name", "version", name="models_name_version"),
    sqlite_autoincrement=True,
)
_partial_index("models_by_type", "deleted_at IS NULL", models.c.model_type, models.c.id)
_partial_index("models_by_name", "deleted_at IS NULL", models.c.name, models.c.model_type, models.c.id)
Index("models_artifact", models.c.artifact_key)
Index("models_dataset", models.c.dataset_id)

model_aliases = Table(  # the key makes an alias point to one version of a name
    "model_aliases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("alias", Text, primary_key=True),
    Column("model_id", BigId, ForeignKey("models.id"), nullable=False, index=True),
    _time("created_at"),
)
Index("model_aliases_alias", model_aliases.c.alias, model_aliases.c.model_id)

job_models = Table(  # the models that a job names
    "job_models",
    metadata,
    Column("job_id", BigId, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("model_id", BigId, ForeignKey("models.id"), primary_key=True, index=True),
)

test_results = Table(
    "test_results",
    metadata,
    _id(),
    Column("job_id", BigId, nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    _foreign_key("model_id", "models.id"),
    _foreign_key("dataset_id", "datasets.id"),
    _integer("rows"),
    Column("scores", JSON, nullable=False),
    Column("overlap", Boolean, nullable=False),
    Column("degradation", JSON, nullable=False),
    Column("overfitted", Boolean, nullable=True),
    _double("accuracy", nullable=True),
    Column("details", JSON, nullable=False),
    _time("created_at"),
    sqlite_autoincrement=True,
)

comparisons = Table(
    "comparisons",
    metadata,
    _id(),
    Column("job_id", BigId, nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    _foreign_key("dataset_id", "datasets.id"),
    _text("metric"),
    _integer("rows"),
    _foreign_key("winner_model_id", "models.id", nullable=True),
    Column("ranking", JSON, nullable=False),
    Column("significance", JSON, nullable=False),
    _time("created_at"),
    sqlite_autoincrement=True,
)

versions = Table(  # the last version used under a name; it never falls, so no version is used twice
    "versions",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("last", Integer, nullable=False),
)

storage_identity = Table(  # one row: which storage belongs to this database
    "storage_identity",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
    _text("identity"),
    _time("created_at"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("process", Text, primary_key=True),
    _text("kind"),
    _time("started_at"),
    _time("seen_at"),
    Column("draining", Boolean, nullable=False),
    Column("body", JSON, nullable=False),
)

_LEDGER = ("kind", "job_type", "label", "model_type")
ledger = Table(
    "ledger",
    metadata,
    _id(),
    *(_text(name) for name in _LEDGER),
    Column("bucket", Integer, nullable=False),  # -1: not in the histogram
    _double("seconds"),
    _integer("rows"),
    sqlite_autoincrement=True,
)
ledger_totals = Table(
    "ledger_totals",
    metadata,
    *(Column(name, Text, primary_key=True) for name in _LEDGER),
    Column("bucket", Integer, primary_key=True),
    _integer("n"),
    _double("seconds"),
    _integer("rows"),
)
