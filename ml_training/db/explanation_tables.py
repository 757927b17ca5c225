"""The tables of what is found out about stored models: explanations and drift reports."""

from sqlalchemy import JSON, Boolean, Column, Index, Integer, Table, text

from ml_training.db.columns import BigId, double, foreign_key, id_column, integer, project_column, string, time
from ml_training.db.tables import NOT_DELETED, metadata

explanations = Table(
    "explanations",
    metadata,
    id_column(),
    Column("job_id", BigId, nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    foreign_key("model_id", "models.id"),
    foreign_key("dataset_id", "datasets.id"),
    integer("rows"),
    Column("details", JSON, nullable=False),
    Column("lineage", JSON, nullable=False),
    time("created_at"),
    time("deleted_at", nullable=True),
    string("created_by", nullable=True),
    project_column(),
    sqlite_autoincrement=True,
)
drift_reports = Table(
    "drift_reports",
    metadata,
    id_column(),
    Column("job_id", BigId, nullable=False, unique=True),
    Column("attempt", Integer, nullable=False),
    foreign_key("model_id", "models.id"),
    foreign_key("dataset_id", "datasets.id"),
    integer("rows"),
    double("weighted_psi"),
    Column("drifted", Boolean, nullable=False),
    Column("details", JSON, nullable=False),
    Column("lineage", JSON, nullable=False),
    time("created_at"),
    time("deleted_at", nullable=True),
    string("created_by", nullable=True),
    project_column(),
    sqlite_autoincrement=True,
)
for _table, _name, _columns in (
    (explanations, "explanations_live", ("project_id", "id")),
    (explanations, "explanations_of_model", ("project_id", "model_id", "id")),
    (drift_reports, "drift_reports_live", ("project_id", "id")),
):
    _keys = (_table.c[column] for column in _columns)
    Index(_name, *_keys, sqlite_where=text(NOT_DELETED), postgresql_where=text(NOT_DELETED))
