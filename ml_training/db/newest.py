"""Pages of large tables, newest first, under filters on columns that have few possible values.

An index on (status, job_type, id) answers `status = ? AND job_type = ? ORDER BY id DESC` from a few entries. For
`status = ?` alone the rows of all job types would have to be read and sorted. So a filter that leaves out a column is
asked once for each value of the column, and the newest rows of all answers are merged. Two indexes answer every
combination of three filters in this way, and each more index would cost every write of a row.

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

LARGEST_ID = 2**63 - 1
BEFORE, LIMIT = bindparam("before_id", type_=BigInteger), bindparam("page_size", type_=Integer)
Choice = tuple[Column[Any], Iterable[str]]  # a column of an index, and all values that it can have


def newest_first(
    table: Table, columns: Iterable[Column[Any]], filters: Iterable[str], index: Sequence[Choice], *where: Any
) -> Select[Any]:
    """The newest rows that pass the filters; parameters: see `page_values`.

    filters: names of columns; index: the columns of an index before `id`; where: the condition of a partial index.
    """
    parts = [
        select(table.c.id)
        .where(*where, *_range(keys, values, BEFORE))
        .order_by(*(key.desc() for key in keys))
        .limit(LIMIT)
        for keys, values in _ranges(table, filters, index)
    ]
    merged = _merged(part.limit(LIMIT) for part in parts)
    newest = select(merged.c.id).order_by(merged.c.id.desc()).limit(LIMIT)
    return select(*columns).where(table.c.id.in_(newest)).order_by(table.c.id.desc())


def oldest_ids(table: Table, index: Sequence[Choice], limit: BindParameter[int]) -> Select[tuple[int]]:
    """The lowest ids of the rows whose columns have one of the given values."""
    parts = [
        select(table.c.id).where(*_range(keys, values, LARGEST_ID)).order_by(*keys).limit(limit)
        for keys, values in _ranges(table, (), index)
    ]
    merged = _merged(parts)
    return select(merged.c.id).order_by(merged.c.id).limit(limit)


def page_values(filters: Iterable[tuple[str, str]], *, before_id: int | None, limit: int) -> dict[str, Any]:
    """The parameters of a page: only ids below `before_id`, at most `limit`; of a filter its exact value."""
    values: dict[str, Any] = {f"filter_{name}": value for name, value in filters}
    return {**values, "page_size": limit, "before_id": LARGEST_ID if before_id is None else before_id}


def _ranges(
    table: Table, filters: Iterable[str], index: Sequence[Choice]
) -> Iterable[tuple[list[Column[Any]], tuple[Any, ...]]]:
    given = set(filters)
    keys = [*(column for column, _ in index), table.c.id]
    choices = ([bindparam(f"filter_{c.name}", type_=c.type)] if c.name in given else list(all_) for c, all_ in index)
    return [(keys, values) for values in product(*choices)]


def _range(keys: Sequence[Column[Any]], values: tuple[Any, ...], before: Any) -> tuple[ColumnElement[bool], ...]:
    return tuple_(*keys) > tuple_(*values, 0), tuple_(*keys) < tuple_(*values, before)


def _merged(parts: Iterable[Select[Any]]) -> Subquery:
    return union_all(*(select(part.subquery().c.id) for part in parts)).subquery()
