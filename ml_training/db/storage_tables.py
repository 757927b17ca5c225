"""The tables of removing stored objects: which ones no row names, what was removed, and who asks to wait with it."""

from sqlalchemy import BigInteger, Column, Index, Table, Text, text

from ml_training.db.columns import BigId, integer, time
from ml_training.db.tables import metadata

tombstones = Table(  # see removals.py
    "tombstones",
    metadata,
    Column("key", Text, primary_key=True),
    time("unnamed_since", nullable=True),  # when the sweeper first saw the object without a row; null: a row names it
    Column("removing_by", Text, nullable=True),  # the sweep that is removing it now
    time("removing_since", nullable=True),
    Column("removal", BigInteger, nullable=True),  # the number of its last removal that has ended
    time("removed_at", nullable=True),
)
for _name, _column, _condition in (
    ("tombstones_waiting", "unnamed_since", "unnamed_since IS NOT NULL"),
    ("tombstones_removing", "removing_since", "removing_by IS NOT NULL"),
    ("tombstones_removed", "removed_at", "removal IS NOT NULL"),
):
    Index(_name, tombstones.c[_column], sqlite_where=text(_condition), postgresql_where=text(_condition))

storage_sweeps = Table(  # one row
    "storage_sweeps",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=False),
    integer("removals"),  # how many removals have ended; the next one gets the next number
    integer("forgotten"),  # the highest number of a removal whose tombstone is gone
    time("swept_at"),  # the start of the last sweep that has seen every object
)

sweep_holds = Table(  # nothing is removed while one of them is valid
    "sweep_holds",
    metadata,
    Column("holder", Text, primary_key=True),
    time("valid_until"),
)
