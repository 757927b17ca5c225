"""Every statement about the results of jobs: models, test results, comparisons, predictions and studies."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, RowMapping, Select, Table, bindparam, insert, select, update

from ml_training.db.aliases import aliases_of
from ml_training.db.clock import db_now
from ml_training.db.explanation_tables import drift_reports, explanations
from ml_training.db.name_search import page_by_name, search_values
from ml_training.db.newest import ABOVE, BELOW, LIMIT, in_order, own_range, page_of, page_values
from ml_training.db.project_scope import own
from ml_training.db.removals import keep_objects
from ml_training.db.study_tables import studies
from ml_training.db.tables import (
    comparisons,
    jobs,
    model_aliases,
    model_tags,
    models,
    predictions,
    test_results,
    versions,
)
from ml_training.db.versions import next_version
from ml_training.domain.algorithms import ModelType
from ml_training.domain.records import Comparison, DriftReport, Explanation, Model, Prediction, Study, TestResult
from ml_training.domain.specs import JobType

ResultT = TypeVar("ResultT", TestResult, Comparison, Prediction, Explanation, DriftReport, Study)


@dataclass(frozen=True, slots=True)
class ResultTable:
    """Where the results of a job type are stored, and what one is called in messages."""

    job_type: JobType
    table: Table
    noun: str


RESULT_TABLES: Mapping[type, ResultTable] = {
    Model: ResultTable(JobType.TRAIN, models, "model"),
    TestResult: ResultTable(JobType.TEST, test_results, "test result"),
    Comparison: ResultTable(JobType.COMPARE, comparisons, "comparison"),
    Prediction: ResultTable(JobType.PREDICT, predictions, "prediction"),
    Study: ResultTable(JobType.TUNE, studies, "study"),
    Explanation: ResultTable(JobType.EXPLAIN, explanations, "explanation"),
    DriftReport: ResultTable(JobType.DRIFT, drift_reports, "drift report"),
}
# Megabytes per row in the worst case, and no list shows them: lists read them as empty.
NOT_IN_LISTS = ("details", "lineage")
NOT_IN_RECORDS = ("project_id", "reuse_key", "warm_key")
FILTERS_TOGETHER = (("name", "model_type", "alias"), ("dataset_id", "model_type"), ("tag",))  # others have no index
_EXISTING = select(models.c.id).where(
    own(models), models.c.id.in_(bindparam("ids", expanding=True)), models.c.deleted_at.is_(None)
)
_LOCK_SHARED, _LOCK_ALONE = (_EXISTING.order_by(models.c.id).with_for_update(read=shared) for shared in (True, False))


def columns_of(table: Table) -> list[Column[Any]]:
    """The columns that a record has."""
    return [column for column in table.c if column.name not in NOT_IN_RECORDS]


_PREDICTION_OF_JOB = select(*columns_of(predictions)).where(
    own(predictions), predictions.c.job_id == bindparam("wanted_job"), predictions.c.deleted_at.is_(None)
)


def insert_result(connection: Connection, record: type[ResultT], *, put_after: int | None = None, **values: Any) -> int:
    """Store a result; values: every field of the record but id and created_at, and the `reuse_key` if it has one.

    put_after: of the file of a prediction; raises BytesRemoved.
    """
    if "object_key" in values:
        keep_objects(connection, [values["object_key"]], put_after=put_after)
    return _insert(connection, RESULT_TABLES[record].table, values)


def get_result(connection: Connection, record: type[ResultT], result_id: int) -> ResultT | None:
    """The result unless it was deleted, or None."""
    table = RESULT_TABLES[record].table
    query = _not_deleted(select(*columns_of(table)).where(own(table), table.c.id == result_id), table)
    row = connection.execute(query).mappings().first()
    return None if row is None else record(**_values(table, row))


def list_results(
    connection: Connection, record: type[ResultT], *, before_id: int | None, limit: int
) -> Sequence[ResultT]:
    """Newest first, without the deleted ones, each without NOT_IN_LISTS."""
    table = RESULT_TABLES[record].table
    values = page_values((), before_id=before_id, limit=limit)
    return [record(**_values(table, row)) for row in connection.execute(_list_results(table), values).mappings()]


def insert_model(connection: Connection, *, put_after: int | None = None, **values: Any) -> int:
    """Store a model under the next version of its name; values: every field of Model but id, version, times; reuse_key.

    put_after: of the artifact; raises BytesRemoved.
    """
    keep_objects(connection, [values["artifact_key"]], put_after=put_after)
    version = next_version(connection, "model", values["name"])
    return _insert(connection, models, {**values, "version": version})


def get_model(connection: Connection, model_id: int) -> Model | None:
    """The model unless it was deleted, or None."""
    query = select(*columns_of(models)).where(own(models), models.c.id == model_id, models.c.deleted_at.is_(None))
    row = connection.execute(query).mappings().first()
    return None if row is None else _models(connection, [row])[0]


def list_models(
    connection: Connection, filters: Mapping[str, Any], *, before_id: int | None, limit: int, oldest: bool = False
) -> Sequence[Model]:
    """Newest or oldest first, without the deleted ones, each without NOT_IN_LISTS.

    filters: exact values, the names of one of FILTERS_TOGETHER. before_id: where the page before ended.
    """
    page = _list_models(frozenset(filters), oldest)
    values = page_values(filters.items(), before_id=before_id, limit=limit, oldest=oldest)
    return _models(connection, connection.execute(page, values).mappings().all())


@cache
def _list_models(filters: frozenset[str], oldest: bool) -> Select[Any]:
    columns = _listed(models)
    if "alias" in filters or "tag" in filters:
        return _labelled(columns, filters, oldest)
    key = next((models.c[name] for name in ("name", "dataset_id") if name in filters), None)
    index = [*([] if key is None else [(key, ())]), (models.c.model_type, tuple(ModelType))]
    return page_of(models, columns, filters, index, models.c.deleted_at.is_(None), oldest=oldest)


def _labelled(columns: Sequence[Column[Any]], filters: frozenset[str], oldest: bool) -> Select[Any]:
    # An alias never points to a deleted model, and one of a name points to one version at most.
    label, labels = ("alias", model_aliases) if "alias" in filters else ("tag", model_tags)
    page = select(*columns).join_from(labels, models, labels.c.model_id == models.c.id)
    page = page.where(own(labels), own(models), models.c.deleted_at.is_(None))
    page = page.where(labels.c.model_id > ABOVE, labels.c.model_id < BELOW)
    page = page.where(labels.c[label] == bindparam(f"filter_{label}"))
    if "name" in filters:
        page = page.where(model_aliases.c.name == bindparam("filter_name"))
    if "model_type" in filters:
        page = page.where(models.c.model_type == bindparam("filter_model_type"))
    return page.order_by(labels.c.model_id.asc() if oldest else labels.c.model_id.desc()).limit(LIMIT)


def search_models(
    connection: Connection, beginning: str, *, model_type: str | None, after: str | None, limit: int
) -> Sequence[Model]:
    """Those whose name begins so, in the order of `name_search`, each without NOT_IN_LISTS.

    after: where the page before ended.
    """
    page = _search_models(None if model_type is None else ModelType(model_type))
    values = search_values(beginning, after=after, limit=limit)
    return _models(connection, connection.execute(page, values).mappings().all())


@cache
def _search_models(model_type: ModelType | None) -> Select[Any]:
    choice = models.c.model_type, tuple(ModelType) if model_type is None else (model_type,)
    return page_by_name(models, _listed(models), models.c.name, choice, models.c.deleted_at.is_(None))


def search_studies(connection: Connection, beginning: str, *, after: str | None, limit: int) -> Sequence[Study]:
    """Those whose model's name begins so, in the order of `name_search`; after: where the page before ended."""
    values = search_values(beginning, after=after, limit=limit)
    return [Study(**_values(studies, row)) for row in connection.execute(_search_studies(), values).mappings()]


@cache
def _search_studies() -> Select[Any]:
    return page_by_name(studies, _listed(studies), studies.c.model_name, None, studies.c.model_name.is_not(None))


def lock_name(connection: Connection, name: str) -> None:
    """Lock a model's name until the end of the transaction: its aliases change in one transaction at a time."""
    row = select(versions.c.last).where(own(versions), versions.c.kind == "model", versions.c.name == name)
    connection.execute(row.with_for_update())


def lock_models(connection: Connection, model_ids: Collection[int], *, alone: bool) -> set[int]:
    """Lock the rows until the end of the transaction; returns those that are not deleted.

    A job takes them shared, a change or deletion `alone`: so no job is stored on a model that is deleted concurrently.
    """
    return set(connection.execute(_LOCK_ALONE if alone else _LOCK_SHARED, {"ids": list(model_ids)}).scalars())


def existing_models(connection: Connection, model_ids: Collection[int]) -> set[int]:
    """Those that are not deleted."""
    return set(connection.execute(_EXISTING, {"ids": list(model_ids)}).scalars())


def describe_model(connection: Connection, model_id: int, **values: Any) -> None:
    """Set what users say about a model: description, tags."""
    if values:
        connection.execute(update(models).where(own(models), models.c.id == model_id).values(**values))


def set_test_accuracy(connection: Connection, model_id: int, accuracy: float) -> None:
    """Set the accuracy on rows that the model has not seen."""
    of_model = own(models), models.c.id == model_id
    connection.execute(update(models).where(*of_model).values(test_accuracy=accuracy))


def set_drift(connection: Connection, model_id: int, drift: float) -> None:
    """Set how far the newest compared rows are from the training rows."""
    connection.execute(update(models).where(own(models), models.c.id == model_id).values(drift=drift))


def prediction_of_job(connection: Connection, job_id: int) -> Prediction | None:
    """The prediction that the job made, a PREDICT or a TRAIN job, unless it was deleted; None if there is none."""
    row = connection.execute(_PREDICTION_OF_JOB, {"wanted_job": job_id}).mappings().first()
    return None if row is None else Prediction(**_values(predictions, row))


def newest_explanation(connection: Connection, model_id: int) -> Explanation | None:
    """The newest explanation of the model that was not deleted, or None."""
    of_model = own(explanations), explanations.c.model_id == model_id, explanations.c.deleted_at.is_(None)
    query = select(*columns_of(explanations)).where(*of_model).order_by(explanations.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else Explanation(**_values(explanations, row))


def mark_result_deleted(connection: Connection, record: type[ResultT], result_id: int) -> bool:
    """Soft delete of a kind of result that can be deleted; False when there is none or it was deleted before."""
    table = RESULT_TABLES[record].table
    gone = update(table).where(own(table), table.c.id == result_id, table.c.deleted_at.is_(None))
    return connection.execute(gone.values(deleted_at=db_now())).rowcount == 1


def mark_model_deleted(connection: Connection, model_id: int) -> bool:
    """Soft delete; False when there is no such model or it was deleted before."""
    gone = update(models).where(own(models), models.c.id == model_id, models.c.deleted_at.is_(None))
    return connection.execute(gone.values(deleted_at=db_now())).rowcount == 1


def _insert(connection: Connection, table: Table, values: dict[str, Any]) -> int:
    owner = {"made_by_job": values["job_id"]} if "created_by" in table.c else {}
    return int(connection.execute(_insertion(table), {**values, **owner}).scalar_one())


@cache  # building the statement costs more than executing it
def _insertion(table: Table) -> Any:
    statement = insert(table).values(created_at=db_now())
    if "created_by" in table.c:  # who submitted the job owns what it made
        owner = select(jobs.c.created_by).where(jobs.c.id == bindparam("made_by_job"), own(jobs))
        statement = statement.values(created_by=owner.scalar_subquery())
    return statement.returning(table.c.id)


def _listed(table: Table) -> list[Column[Any]]:
    return [column for column in columns_of(table) if column.name not in NOT_IN_LISTS]


def _not_deleted(query: Select[Any], table: Table) -> Select[Any]:
    return query.where(table.c.deleted_at.is_(None)) if "deleted_at" in table.c else query


@cache
def _list_results(table: Table) -> Select[Any]:
    query = _not_deleted(select(*_listed(table)).where(*own_range(table)), table)
    return query.order_by(*in_order(table, oldest=False)).limit(LIMIT)


def _values(table: Table, row: RowMapping) -> dict[str, Any]:
    """The row as fields of its record: JSON lists as tuples, columns that a list does not read as {}."""
    empty: dict[str, Any] = {name: {} for name in NOT_IN_LISTS if name in table.c}
    return empty | {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def _models(connection: Connection, rows: Sequence[RowMapping]) -> list[Model]:
    aliases = aliases_of(connection, [row["id"] for row in rows])
    return [Model(**_values(models, row), aliases=aliases.get(row["id"], ())) for row in rows]
