"""Pages of large tables, newest or oldest first, under filters on columns that have few possible values.

An index on (status, job_type, id) answers `status = ? AND job_type = ? ORDER BY id DESC` from a few entries. For
`status = ?` alone the rows of all job types would have to be read and sorted. So a filter that leaves out a column is
asked once for each value of the column, and the newest rows of all answers are merged. Two indexes answer every
combination of three filters in this way, and each more index would cost every write of a row. The indexes begin with
the project, so the rows of other projects are never looked at.

Each answer is a range of the index in the index's own order, not equal columns in the order of `id`: then no planner
can choose to walk the whole table by `id` until enough rows fit.
"""

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Table,
    bindparam,
    select,
    tuple_,
    union_all,
)

from ml_training.db.project_scope import OWN

LARGEST_ID = 2**63 - 1
ABOVE, BELOW = (bindparam(name, type_=BigInteger) for name in ("above_id", "below_id"))
LIMIT = bindparam("page_size", type_=Integer)
Choice = tuple[Column[Any], Iterable[Any]]  # a column of an index, and all values that it can have


def page_of(
    table: Table,
    columns: Iterable[ColumnElement[Any]],
    filters: Iterable[str],
    index: Sequence[Choice],
    *where: Any,
    oldest: bool = False,
    also: Sequence[ColumnElement[bool]] = (),
) -> Select[Any]:
    """The newest or oldest rows of the project that pass the filters; parameters: see `page_values`.

    filters: names of columns; index: the columns of an index between `project_id` and `id`; where: the condition of a
    partial index, and filters that the index does not answer; also: the condition of further rows, which an index on
    (project_id, id) answers.
    """
    ordered = _ascending if oldest else _descending
    index = [(table.c.project_id, (OWN,)), *index]
    parts = [
        select(table.c.id).where(*where, *_range(keys, values, ABOVE, BELOW)).order_by(*map(ordered, keys))
        for keys, values in _ranges(table, filters, index)
    ]
    if also:
        parts.append(select(table.c.id).where(*also, *own_range(table)).order_by(*in_order(table, oldest=oldest)))
    merged = _merged(part.limit(LIMIT) for part in parts)
    ids = select(merged.c.id).order_by(ordered(merged.c.id)).limit(LIMIT)
    return select(*columns).where(table.c.id.in_(ids)).order_by(ordered(table.c.id))


def page_of_all(table: Table) -> Select[Any]:
    """The newest rows of a table that belongs to the whole service; parameters: see `page_values`."""
    return select(table).where(table.c.id > ABOVE, table.c.id < BELOW).order_by(table.c.id.desc()).limit(LIMIT)


def own_range(table: Table) -> tuple[ColumnElement[bool], ...]:
    """The rows of the project between the bounds of `page_values`, as a range of an index on (project_id, id)."""
    return _range([table.c.project_id, table.c.id], (OWN,), ABOVE, BELOW)


def in_order(table: Table, *, oldest: bool) -> tuple[ColumnElement[Any], ...]:
    """The order of a page in the index of `own_range`."""
    ordered = _ascending if oldest else _descending
    return ordered(table.c.project_id), ordered(table.c.id)


def oldest_ids(table: Table, index: Sequence[Choice], limit: BindParameter[int], *where: Any) -> Select[tuple[int]]:
    """The lowest ids of the rows of all projects whose columns have one of the given values."""
    parts = [
        select(table.c.id).where(*where, *_range(keys, values, 0, LARGEST_ID)).order_by(*keys).limit(limit)
        for keys, values in _ranges(table, (), index)
    ]
    merged = _merged(parts)
    return select(merged.c.id).order_by(merged.c.id).limit(limit)


def page_values(
    filters: Iterable[tuple[str, Any]], *, before_id: int | None, limit: int, oldest: bool = False
) -> dict[str, Any]:
    """The parameters of a page: at most `limit` rows, of a filter its exact value.

    before_id: the id with which the page before ended; the rows have lower ids, with `oldest` higher ones.
    """
    above, below = (before_id, None) if oldest else (None, before_id)
    values: dict[str, Any] = {f"filter_{name}": value for name, value in filters}
    ids = {"above_id": above or 0, "below_id": LARGEST_ID if below is None else below}
    return {**values, **ids, "page_size": limit}


def _ascending(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return column.asc()


def _descending(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return column.desc()


def _ranges(
    table: Table, filters: Iterable[str], index: Sequence[Choice]
) -> Iterable[tuple[list[Column[Any]], tuple[Any, ...]]]:
    given = set(filters)
    keys = [*(column for column, _ in index), table.c.id]
    choices = ([bindparam(f"filter_{c.name}", type_=c.type)] if c.name in given else list(all_) for c, all_ in index)
    return [(keys, values) for values in product(*choices)]


def _range(keys: Sequence[Column[Any]], values: tuple[Any, ...], above: Any, below: Any) -> tuple[Any, ...]:
    return tuple_(*keys) > tuple_(*values, above), tuple_(*keys) < tuple_(*values, below)


def _merged(parts: Iterable[Select[Any]]) -> Subquery:
    return union_all(*(select(part.subquery().c.id) for part in parts)).subquery()
