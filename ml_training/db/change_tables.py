"""The table of changes: which things of a project have changed, in an order in which nothing is missed (changes.py)."""

from sqlalchemy import Index, Table

from ml_training.db.columns import id_column, integer, project_column, string, time
from ml_training.db.tables import metadata

changes = Table(  # triggers write it, see change_triggers.py; the cleanup removes old rows
    "changes",
    metadata,
    id_column(),
    project_column(),
    string("kind"),
    integer("subject_id"),
    time("at"),
    sqlite_autoincrement=True,
)
Index("changes_by_project", changes.c.project_id, changes.c.id)
