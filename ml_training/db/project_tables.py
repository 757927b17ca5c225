"""The tables of projects: what each may use, and what it uses now."""

from sqlalchemy import CheckConstraint, Column, Double, Index, MetaData, Table, Text

from ml_training.db.columns import BigId, id_column, integer, time

metadata = MetaData()
QUOTAS = ("pending_jobs", "running_jobs", "stored_bytes", "submissions_per_minute")

projects = Table(  # row 1 is `default`; a project is never deleted
    "projects",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    time("created_at"),
    *(integer(name, nullable=True) for name in QUOTAS),  # None: as much as the service allows
    *(CheckConstraint(f"{name} >= 0", name=f"projects_{name}") for name in QUOTAS),
    sqlite_autoincrement=True,
)

project_counters = Table(  # triggers keep the sums of a project's rows equal to its rows elsewhere: project_counters.py
    "project_counters",
    metadata,
    id_column(),
    Column("project_id", BigId, nullable=False),
    integer("pending"),  # jobs
    integer("running"),  # jobs
    integer("stored_bytes"),  # of data sets, models and predictions that are not deleted
    Column("claimed_at", Double, nullable=True),  # the last claim of one of its jobs; the newest of its rows counts
    sqlite_autoincrement=True,
)
Index("project_counters_project", project_counters.c.project_id)
