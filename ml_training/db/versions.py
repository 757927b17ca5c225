"""Version numbers: one more than the last one of the same name, even when that one was deleted."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, bindparam, select

from ml_training.db.project_scope import own
from ml_training.db.tables import versions
from ml_training.db.upsert import conflict_insert

_LOCK = (
    select(versions.c.last)
    .where(own(versions), versions.c.kind == bindparam("kind"), versions.c.name == bindparam("name"))
    .with_for_update()
)


def next_version(connection: Connection, kind: str, name: str) -> int:
    """1, 2, 3, ... for each (kind, name) of a project; two transactions at once wait for each other on the row."""
    values = {"kind": kind, "name": name, "last": 1}
    return int(connection.execute(_next(connection.dialect.name), values).scalar_one())


def lock_versions(connection: Connection, kind: str, name: str) -> None:
    """Until the end of the transaction no other one stores a version of this name, which has at least one."""
    connection.execute(_LOCK, {"kind": kind, "name": name})


@cache  # building the statement costs more than executing it
def _next(dialect: str) -> Any:
    return (
        conflict_insert(dialect, versions)
        .on_conflict_do_update(
            index_elements=[versions.c.project_id, versions.c.kind, versions.c.name], set_={"last": versions.c.last + 1}
        )
        .returning(versions.c.last)
    )
