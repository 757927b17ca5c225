"""Reads the columns of a user's table by name: a frame, an Arrow table, a dict of columns or a list of dict rows.

The libraries are recognised by their methods and not imported: pandas, polars and pyarrow are options of the user.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = Any
"""A pandas or polars DataFrame, a pyarrow Table, a mapping of names to columns, or a sequence of mappings (rows)."""
EXPECTED = "a DataFrame, a pyarrow Table, a dict of columns or a list of dicts (rows)"


@dataclass(frozen=True, slots=True)
class NamedColumns:
    """The columns of a table: their names (a name may occur twice), the number of rows, and what reads a column."""

    names: tuple[str, ...]
    rows: int
    read: Callable[[str], NDArray[Any]]


def named_columns(table: Table) -> NamedColumns:
    """The columns of any accepted table; raises TypeError for anything else, ValueError for columns of two lengths."""
    if isinstance(table, Mapping):
        return _of_columns(table)
    if hasattr(table, "column_names") and hasattr(table, "column"):  # pyarrow
        return NamedColumns(_texts(table.column_names), table.num_rows, lambda name: cells_of(table.column(name)))
    if hasattr(table, "columns") and hasattr(table, "__getitem__") and hasattr(table, "shape"):  # pandas, polars
        return NamedColumns(_texts(table.columns), table.shape[0], lambda name: cells_of(table[name]))
    if isinstance(table, Sequence) and all(isinstance(row, Mapping) for row in table):
        return _of_rows(table)
    raise TypeError(f"a table with named columns is needed ({EXPECTED}), and this is a {type(table).__name__}")


def cells_of(column: Any) -> NDArray[Any]:
    """The cells of a column as an array of one dimension; missing values stay missing."""
    if hasattr(getattr(column, "dtype", None), "pyarrow_dtype"):  # a pandas column over Arrow
        column = column.array.__arrow_array__()
    if type(column).__module__.partition(".")[0] == "pyarrow":
        return _arrow_cells(column)
    dtype: Any = getattr(column, "dtype", None)
    if hasattr(column, "to_numpy") and not isinstance(dtype, np.dtype):
        if getattr(dtype, "kind", "") == "M" and hasattr(dtype, "unit"):  # pandas, with a zone: the moments in UTC
            return np.asarray(column.to_numpy(dtype=f"datetime64[{dtype.unit}]"))
        return np.asarray(column.to_numpy())
    if isinstance(column, str | bytes) or not hasattr(column, "__len__"):
        raise TypeError(f"a column is a list or an array of values, and this is a {type(column).__name__}")
    return np.asarray(column) if isinstance(dtype, np.dtype) else _of_objects(column)


def _arrow_cells(column: Any) -> NDArray[Any]:
    kind = str(column.type)
    if kind.startswith("dictionary"):  # to_numpy would give the last word for a missing value
        column = column.cast(column.type.value_type)
    elif kind.startswith("decimal"):  # as the service reads it
        column = column.cast("float64", safe=False)
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _of_objects(values: Sequence[Any]) -> NDArray[Any]:
    """The objects as they are: NumPy would turn a list of numbers and texts into texts."""
    cells = np.empty(len(values), dtype=object)
    for at, value in enumerate(values):
        cells[at] = value
    return cells


def _of_columns(table: Mapping[Any, Any]) -> NamedColumns:
    columns = {name: cells_of(column) for name, column in table.items() if isinstance(name, str)}
    lengths = {len(cells) for cells in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"the columns have different lengths: {', '.join(map(str, sorted(lengths)))}")
    return NamedColumns(tuple(columns), lengths.pop() if lengths else 0, columns.__getitem__)


def _of_rows(rows: Sequence[Mapping[Any, Any]]) -> NamedColumns:
    names = dict.fromkeys(name for row in rows for name in row if isinstance(name, str))

    def read(name: str) -> NDArray[Any]:
        return _of_objects([row.get(name) for row in rows])

    return NamedColumns(tuple(names), len(rows), read)


def _texts(names: Any) -> tuple[str, ...]:
    return tuple(name for name in names if isinstance(name, str))
