"""Every statement about aliases: names such as `champion` that point to one version of a model's name."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select

from ml_training.db.alias_tables import alias_moves, model_aliases
from ml_training.db.clock import db_now
from ml_training.db.project_scope import own
from ml_training.db.upsert import conflict_insert
from ml_training.domain.records import AliasMove

MOVES_KEPT = 200  # of one name


def aliases_of(connection: Connection, model_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """The aliases of each model that has any, in order."""
    query = select(model_aliases.c.model_id, model_aliases.c.alias).where(
        own(model_aliases), model_aliases.c.model_id.in_(model_ids)
    )
    found: dict[int, tuple[str, ...]] = {}
    for model_id, alias in connection.execute(query.order_by(model_aliases.c.alias)):
        found[model_id] = (*found.get(model_id, ()), alias)
    return found


def set_aliases(
    connection: Connection, *, name: str, model_id: int, version: int, aliases: Collection[str], by: str | None = None
) -> None:
    """Give the model exactly these aliases; an alias of another version of `name` moves to this one.

    Only a transaction that has locked `name` (`results.lock_name`) may call this: two that exchange aliases would
    otherwise wait for each other for ever. by: the id of the key.
    """
    kept = model_aliases.c.alias.in_(aliases)
    removed = connection.execute(
        delete(model_aliases)
        .where(own(model_aliases), model_aliases.c.model_id == model_id, ~kept)
        .returning(model_aliases.c.alias)
    )
    moves = [{"alias": alias, "model_id": None, "version": None} for alias in sorted(removed.scalars())]
    for alias in aliases:
        statement = conflict_insert(connection.dialect.name, model_aliases).values(
            name=name, alias=alias, model_id=model_id, created_at=db_now()
        )
        moved = statement.on_conflict_do_update(
            index_elements=[model_aliases.c.project_id, model_aliases.c.name, model_aliases.c.alias],
            set_={"model_id": model_id, "created_at": db_now()},
            where=model_aliases.c.model_id != model_id,
        )
        if connection.execute(moved).rowcount:
            moves.append({"alias": alias, "model_id": model_id, "version": version})
    _keep_moves(connection, name, [{**move, "name": name, "moved_by": by} for move in moves])


def drop_aliases(connection: Connection, *, name: str, model_id: int, by: str | None = None) -> None:
    """Remove all aliases of a model."""
    set_aliases(connection, name=name, model_id=model_id, version=0, aliases=(), by=by)


def list_alias_moves(connection: Connection, name: str) -> Sequence[AliasMove]:
    """Where the aliases of a model's name have pointed to, newest first."""
    query = select(alias_moves).where(own(alias_moves), alias_moves.c.name == name)
    rows = connection.execute(query.order_by(alias_moves.c.id.desc()).limit(MOVES_KEPT))
    return [AliasMove(row.alias, row.model_id, row.version, row.moved_at, row.moved_by) for row in rows]


def _keep_moves(connection: Connection, name: str, moves: Sequence[dict[str, object]]) -> None:
    if not moves:
        return
    connection.execute(insert(alias_moves).values(moved_at=db_now()), moves)
    of_name = (own(alias_moves), alias_moves.c.name == bindparam("moved_name"))
    older = select(alias_moves.c.id).where(*of_name).order_by(alias_moves.c.id.desc()).offset(MOVES_KEPT).limit(1)
    connection.execute(
        delete(alias_moves).where(*of_name, alias_moves.c.id <= older.scalar_subquery()), {"moved_name": name}
    )
