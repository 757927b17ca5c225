"""The table of data sets."""

from sqlalchemy import JSON, CheckConstraint, Column, Index, Integer, Table, UniqueConstraint, text

from ml_training.db.columns import BigId, id_column, integer, project_column, quoted, string, time
from ml_training.db.name_search import search_index
from ml_training.db.project_tables import metadata
from ml_training.domain.states import DatasetStatus

datasets = Table(
    "datasets",
    metadata,
    id_column(),
    string("name"),
    Column("version", Integer, nullable=False),
    string("status"),
    string("file_format"),
    string("time_column", nullable=True),
    string("phase_column", nullable=True),
    string("group_column", nullable=True),
    string("raw_key"),
    string("raw_sha256"),
    integer("raw_bytes"),
    string("index_key", nullable=True),
    string("index_sha256", nullable=True),
    integer("index_bytes"),
    integer("rows", nullable=True),
    Column("columns", Integer, nullable=True),
    Column("profile", JSON, nullable=True),
    Column("reasons", JSON, nullable=False),
    Column("job_id", BigId, nullable=True),  # no foreign key: the ingest job goes with retention, the data set stays
    time("created_at"),
    time("deleted_at", nullable=True),
    string("created_by", nullable=True),  # the id of the key; here and below null on a service without keys
    project_column(),
    Column("origin", JSON(none_as_null=True), nullable=True),  # null: somebody sent the bytes; see domain/origins.py
    string("origin_sha256", nullable=True),
    string("origin_version", nullable=True),
    UniqueConstraint("project_id", "name", "version", name="datasets_name_version"),
    CheckConstraint(f"status IN ({quoted(DatasetStatus)})", name="datasets_status"),
    sqlite_autoincrement=True,
)
Index("datasets_raw", datasets.c.project_id, datasets.c.raw_sha256)
Index("datasets_by_project", datasets.c.project_id, datasets.c.id)
search_index(datasets, "datasets_search", datasets.c.name, datasets.c.status, "deleted_at IS NULL")
# The newest version from the same origin.
FROM_ORIGIN = text("origin_sha256 IS NOT NULL")
Index(
    "datasets_origin",
    *(datasets.c[name] for name in ("project_id", "name", "origin_sha256", "version")),
    sqlite_where=FROM_ORIGIN,
    postgresql_where=FROM_ORIGIN,
)
