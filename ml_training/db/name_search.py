"""Pages of large tables by the beginning of a name, whatever its case, in the order of the names.

The rows whose names begin with a text are a range of an index on the names. In the order of their ids they are none:
the newest of them would be found only after all of them were read. So these pages are in the order of the names, and
the newest row of a name comes first. The key of a row is its name in lower case, a space, which no name has and which
comes before all that a name may have, and a number that falls as the id rises: one text, whose order both databases
agree about, byte by byte.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Integer,
    Select,
    Table,
    Text,
    bindparam,
    select,
    text,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ml_training.db.newest import LARGEST_ID, Choice
from ml_training.db.project_scope import own

DIGITS = 19
ABOVE_ALL = "~"  # comes after all that a name may have
AFTER, END = (bindparam(name, type_=Text) for name in ("after_key", "end_key"))
LIMIT = bindparam("page_size", type_=Integer)


class name_key(FunctionElement[str]):  # noqa: N801 - reads like the SQL function that it is
    """The key of a row: name_key(<column of the name>, <column of the id>)."""

    type = Text()
    inherit_cache = True
    name = "name_key"


@compiles(name_key, "sqlite")
def _sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    name, row_id = (compiler.process(one, **kw) for one in element.clauses)
    digits = f"substr('{'0' * DIGITS}' || ({LARGEST_ID} - {row_id}), -{DIGITS})"
    return f"(lower({name}) || ' ' || {digits})"


@compiles(name_key, "postgresql")
def _postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    name, row_id = (compiler.process(one, **kw) for one in element.clauses)
    digits = f"lpad(CAST({LARGEST_ID} - {row_id} AS text), {DIGITS}, '0')"
    # The collation "C": the order is that of the bytes, and lower() is the same in a database of any language.
    return f"""(lower({name} COLLATE "C") || ' ' || {digits})"""


def key_of(name: str, row_id: int) -> str:
    """The key of a row, as the databases make it."""
    return f"{name.lower()} {LARGEST_ID - row_id:0{DIGITS}}"


def search_index(table: Table, index: str, name: Column[Any], choice: Column[Any] | None, condition: str) -> None:
    """Declare the index that answers `page_by_name`; choice: the column of the filter; condition: of its rows."""
    chosen = [] if choice is None else [choice]
    Index(
        index,
        table.c.project_id,
        *chosen,
        name_key(name, table.c.id),
        sqlite_where=text(condition),
        postgresql_where=text(condition),
    )


def page_by_name(
    table: Table,
    columns: Iterable[ColumnElement[Any]],
    name: Column[Any],
    choice: Choice | None,
    *where: Any,
    also: Sequence[ColumnElement[bool]] = (),
) -> Select[Any]:
    """Rows of the project in the order of their keys; parameters: see `search_values`.

    choice: the column of the index between `project_id` and the key, and the values that are wanted of it; where: the
    condition of the partial index; also: the condition of further rows.
    """
    key = name_key(name, table.c.id)
    column, values = choice or (None, (None,))
    conditions: list[tuple[Any, ...]] = [(*where, *([] if column is None else [column == value])) for value in values]
    parts = [
        select(table.c.id, key.label("name_key"))
        .where(own(table), *condition, key > AFTER, key < END)
        .order_by(key)
        .limit(LIMIT)
        .subquery()
        for condition in [*conditions, *([tuple(also)] if also else [])]
    ]
    merged = union_all(*(select(part.c.id, part.c.name_key) for part in parts)).subquery()
    ids = select(merged.c.id).order_by(merged.c.name_key).limit(LIMIT)
    return select(*columns).where(table.c.id.in_(ids)).order_by(key)


def search_values(beginning: str, *, after: str | None, limit: int) -> dict[str, Any]:
    """The parameters of a page: at most `limit` rows whose names begin with `beginning`; after: the last key before."""
    beginning = beginning.lower()
    return {"after_key": after or beginning, "end_key": beginning + ABOVE_ALL, "page_size": limit}
