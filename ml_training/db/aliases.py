"""Every statement about aliases: names such as `champion` that point to one version of a model's name."""

from collections.abc import Collection

from sqlalchemy import Connection, delete, select

from ml_training.db.clock import db_now
from ml_training.db.project_scope import own
from ml_training.db.tables import model_aliases
from ml_training.db.upsert import conflict_insert


def aliases_of(connection: Connection, model_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """The aliases of each model that has any, in order."""
    query = select(model_aliases.c.model_id, model_aliases.c.alias).where(
        own(model_aliases), model_aliases.c.model_id.in_(model_ids)
    )
    found: dict[int, tuple[str, ...]] = {}
    for model_id, alias in connection.execute(query.order_by(model_aliases.c.alias)):
        found[model_id] = (*found.get(model_id, ()), alias)
    return found


def set_aliases(connection: Connection, *, name: str, model_id: int, aliases: Collection[str]) -> None:
    """Give the model exactly these aliases; an alias of another version of `name` moves to this one.

    Only a transaction that has locked `name` (`results.lock_name`) may call this: two that exchange aliases would
    otherwise wait for each other for ever.
    """
    of_model = model_aliases.c.model_id == model_id
    others = model_aliases.c.alias.not_in(aliases)
    connection.execute(delete(model_aliases).where(own(model_aliases), of_model, others))
    for alias in aliases:
        statement = conflict_insert(connection.dialect.name, model_aliases).values(
            name=name, alias=alias, model_id=model_id, created_at=db_now()
        )
        moved = statement.on_conflict_do_update(
            index_elements=[model_aliases.c.project_id, model_aliases.c.name, model_aliases.c.alias],
            set_={"model_id": model_id, "created_at": db_now()},
            where=model_aliases.c.model_id != model_id,
        )
        connection.execute(moved)


def drop_aliases(connection: Connection, model_id: int) -> None:
    """Remove all aliases of a model."""
    connection.execute(delete(model_aliases).where(own(model_aliases), model_aliases.c.model_id == model_id))
