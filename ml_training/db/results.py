"""Every statement about results: models, test results and comparisons."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, insert, select, update

from ml_training.db.aliases import aliases_of, has_alias
from ml_training.db.clock import db_now
from ml_training.db.tables import comparisons, models, test_results, versions
from ml_training.db.versions import next_version
from ml_training.domain.records import Comparison, Model, TestResult

# Megabytes a row at worst, and no list shows them: there they are empty.
LONG: Mapping[str, Any] = {"details": {}, "lineage": {}}


def insert_model(connection: Connection, **values: Any) -> int:
    """Store a model under the next version of its name; values: every field of Model but id, version, times."""
    version = next_version(connection, "model", values["name"])
    return _insert(connection, models, {**values, "version": version})


def insert_test_result(connection: Connection, **values: Any) -> int:
    """Store a test result; one of unseen rows also becomes the model's `test_accuracy`."""
    result_id = _insert(connection, test_results, values)
    if not values["overlap"] and values["accuracy"] is not None:
        tested = update(models).where(models.c.id == values["model_id"])
        connection.execute(tested.values(test_accuracy=values["accuracy"]))
    return result_id


def insert_comparison(connection: Connection, **values: Any) -> int:
    """Store a comparison."""
    return _insert(connection, comparisons, values)


def get_model(connection: Connection, model_id: int) -> Model | None:
    """The model unless it was deleted, or None."""
    row = _first(connection, select(models).where(models.c.id == model_id, models.c.deleted_at.is_(None)))
    return None if row is None else _models(connection, [row])[0]


def list_models(
    connection: Connection, filters: Mapping[str, str], *, before_id: int | None, limit: int
) -> Sequence[Model]:
    """Newest first, without the deleted ones, each without LONG; filters: name, model_type, alias."""
    query = _listed(models).where(models.c.deleted_at.is_(None))
    for column, value in filters.items():
        query = query.where(has_alias(value) if column == "alias" else models.c[column] == value)
    return _models(connection, _page(connection, query, models, before_id, limit))


def lock_name(connection: Connection, name: str) -> None:
    """Lock a model's name until the end of the transaction: aliases within it change one transaction at a time."""
    row = select(versions.c.last).where(versions.c.kind == "model", versions.c.name == name)
    connection.execute(row.with_for_update())


def lock_models(connection: Connection, model_ids: Collection[int], *, alone: bool) -> set[int]:
    """Lock the rows until the end of the transaction; returns those that are not deleted.

    A job takes them shared, a change or deletion `alone`: so no job is stored on a model that goes at the same moment.
    """
    found = select(models.c.id).where(models.c.id.in_(model_ids), models.c.deleted_at.is_(None))
    return set(connection.execute(found.order_by(models.c.id).with_for_update(read=not alone)).scalars())


def describe_model(connection: Connection, model_id: int, **values: Any) -> None:
    """Set what users say about a model: description, tags."""
    if values:
        connection.execute(update(models).where(models.c.id == model_id).values(**values))


def mark_model_deleted(connection: Connection, model_id: int) -> bool:
    """Soft delete; False when there is no such model or it was deleted before."""
    gone = update(models).where(models.c.id == model_id, models.c.deleted_at.is_(None))
    return connection.execute(gone.values(deleted_at=db_now())).rowcount == 1


def get_test_result(connection: Connection, result_id: int) -> TestResult | None:
    """The test result, or None."""
    row = _first(connection, select(test_results).where(test_results.c.id == result_id))
    return None if row is None else TestResult(**row)


def list_test_results(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[TestResult]:
    """Newest first, each without LONG."""
    rows = _page(connection, _listed(test_results), test_results, before_id, limit)
    return [TestResult(**row, details={}) for row in rows]


def get_comparison(connection: Connection, comparison_id: int) -> Comparison | None:
    """The comparison, or None."""
    row = _first(connection, select(comparisons).where(comparisons.c.id == comparison_id))
    return None if row is None else _comparison(row)


def list_comparisons(connection: Connection, *, before_id: int | None, limit: int) -> Sequence[Comparison]:
    """Newest first."""
    return [_comparison(row) for row in _page(connection, select(comparisons), comparisons, before_id, limit)]


def _listed(table: Table) -> Select[Any]:
    return select(*(column for column in table.c if column.name not in LONG))


def _insert(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    statement = insert(table).values(created_at=db_now(), **values).returning(table.c.id)
    return int(connection.execute(statement).scalar_one())


def _first(connection: Connection, query: Select[Any]) -> RowMapping | None:
    return connection.execute(query).mappings().first()


def _page(
    connection: Connection, query: Select[Any], table: Table, before_id: int | None, limit: int
) -> Sequence[RowMapping]:
    if before_id is not None:
        query = query.where(table.c.id < before_id)
    return connection.execute(query.order_by(table.c.id.desc()).limit(limit)).mappings().all()


def _models(connection: Connection, rows: Sequence[RowMapping]) -> list[Model]:
    aliases = aliases_of(connection, [row["id"] for row in rows])
    return [Model(**{**LONG, **row, "tags": tuple(row["tags"]), "aliases": aliases.get(row["id"], ())}) for row in rows]


def _comparison(row: RowMapping) -> Comparison:
    return Comparison(**{**row, "ranking": tuple(row["ranking"])})
