"""Finds the version that a name means: the newest one, or the one that an alias of the name points to."""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from ml_training.db.project_scope import own
from ml_training.db.tables import model_aliases, models


def find_version(connection: Connection, name: str, alias: str | None) -> int | None:
    """The id of the model that `alias` of the name points to, or of the newest version without one; None if none."""
    if alias is None:
        return connection.execute(_newest(), {"wanted_name": name}).scalar()
    return connection.execute(_aliased(), {"wanted_name": name, "wanted_alias": alias}).scalar()


@cache
def _newest() -> Select[Any]:
    of_name = models.c.name == bindparam("wanted_name")
    return (
        select(models.c.id)
        .where(own(models), of_name, models.c.deleted_at.is_(None))
        .order_by(models.c.version.desc())
        .limit(1)
    )


@cache
def _aliased() -> Select[Any]:
    wanted = (model_aliases.c.name == bindparam("wanted_name"), model_aliases.c.alias == bindparam("wanted_alias"))
    return select(model_aliases.c.model_id).where(own(model_aliases), *wanted)
