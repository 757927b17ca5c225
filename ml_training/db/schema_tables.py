"""The table that says which versions of the code may run on this schema."""

from sqlalchemy import Column, Table

from ml_training.db.columns import BigId, string
from ml_training.db.tables import metadata

schema_compatibility = Table(  # one row, which each migration sets
    "schema_compatibility",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
    string("oldest_code"),  # the revision of the oldest code that may run here
)
