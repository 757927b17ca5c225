"""Writes a selection index: each column in the narrowest type that loses nothing, then the order of the histories."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.history import ordered_rows
from ml_training.selection.array_archive import ArchiveWriter, new_archive, to_json
from ml_training.selection.array_parts import parts, present_parts, varies
from ml_training.selection.index import (
    DTYPES,
    FORMAT_VERSION,
    INDEX_FILE,
    ORDER,
    STARTS,
    TIMES,
    ColumnKind,
    IndexColumn,
    SelectionIndex,
    is_missing,
)

CODE_TYPES = (np.int8, np.int16, np.int32)
INTEGER_TYPES = (np.int8, np.int16, np.int32, np.int64)
FEW = 1_000  # values


def write_index(
    directory: Path,
    columns: Iterable[IndexColumn],
    *,
    rows: int,
    time_column: str | None = None,
    phase_column: str | None = None,
    group_column: str | None = None,
) -> SelectionIndex:
    """Write an index into an existing empty directory, one column in memory at a time, the manifest last.

    `rows` is at least 1. Raises ValueError when the length, dtype or name of a column is wrong.
    """
    items: dict[str, dict[str, Any]] = {}
    with new_archive(directory / INDEX_FILE) as writer:
        for number, column in enumerate(columns):
            if column.name in items:
                raise ValueError(f"two columns are called {column.name!r}")
            items[column.name] = _write_column(writer, column, number=number, rows=rows)
            del column  # so that it is not in memory while the next one is read
        if time_column is not None:
            _write_history(writer, items[time_column], None if group_column is None else items[group_column])
        roles = {"time_column": time_column, "phase_column": phase_column, "group_column": group_column}
        writer.add_manifest({"version": FORMAT_VERSION, "rows": rows, **roles, "columns": list(items.values())})
    return SelectionIndex.open(directory)


def narrowest(values: NDArray[Any], kind: ColumnKind) -> np.dtype[Any]:
    """The narrowest type of a kind that holds each of the values exactly; the sign of -0.0 is kept.

    >>> narrowest(np.array([0.5, np.nan]), ColumnKind.NUMBER), narrowest(np.array([0.1]), ColumnKind.NUMBER)
    (dtype('float32'), dtype('float64'))
    """
    if kind is ColumnKind.NUMBER:
        with np.errstate(over="ignore"):  # a number beyond the range becomes infinite, and is not equal
            few_first = chain([values[:FEW]], parts(values))  # most columns that need float64 show it at once
            is_single = all(np.array_equal(part.astype(np.float32), part, equal_nan=True) for part in few_first)
        return np.dtype(np.float32) if is_single else values.dtype
    if kind is ColumnKind.INTEGER:
        return _narrowest_integer(values, INTEGER_TYPES)
    return _narrowest_integer(values, CODE_TYPES) if kind is ColumnKind.CATEGORY else values.dtype


def _narrowest_integer(values: NDArray[Any], types: tuple[type[np.signedinteger[Any]], ...]) -> np.dtype[Any]:
    low, high = values.min(), values.max()
    return np.dtype(next(kind for kind in types if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max))


def _write_column(writer: ArchiveWriter, column: IndexColumn, *, number: int, rows: int) -> dict[str, Any]:
    item: dict[str, Any] = {"name": column.name, "kind": column.kind.value, "nulls": 0, "varies": True}
    if column.values is None:
        if column.kind is not ColumnKind.TEXT:
            raise ValueError(f"column {column.name!r} of kind {column.kind} has no values")
        return item
    values = _checked(column, rows)
    file = f"{number:05}.npy"
    writer.add_array(file, parts(values), dtype=narrowest(values, column.kind), count=rows)
    present = sum(map(len, present_parts(values, column.kind)))
    item |= {"file": file, "nulls": rows - present, "varies": varies(values, column.kind)}
    if column.kind is ColumnKind.CATEGORY:
        categories_file = f"{number:05}.json"
        writer.add_text(categories_file, to_json(column.categories))
        item |= {"categories_file": categories_file, "categories_count": len(column.categories)}
    return item


def _checked(column: IndexColumn, rows: int) -> NDArray[Any]:
    if column.kind is ColumnKind.TEXT or column.values is None or column.values.shape != (rows,):
        raise ValueError(f"column {column.name!r} needs exactly one value for each of {rows} rows, text none")
    values = column.values
    if values.dtype != DTYPES[column.kind]:
        raise ValueError(f"column {column.name!r} of kind {column.kind} must be {DTYPES[column.kind]}")
    if column.kind is ColumnKind.NUMBER and any(np.isinf(part).any() for part in parts(values)):
        raise ValueError(f"column {column.name!r} holds an infinite number")
    if column.kind is ColumnKind.CATEGORY and int(values.max()) >= len(column.categories):
        raise ValueError(f"column {column.name!r} holds a code without a category")
    return values


def _write_history(writer: ArchiveWriter, times: dict[str, Any], groups: dict[str, Any] | None) -> None:
    """Add the order of the rows, so that no job has to sort a million rows."""
    moments = writer.written(times["file"])
    has_history = ~is_missing(moments, ColumnKind.TIME)
    codes = None if groups is None else writer.written(groups["file"])
    if groups is not None and codes is not None:
        has_history &= ~is_missing(codes, ColumnKind(groups["kind"]))
    found = ordered_rows(np.flatnonzero(has_history), moments, codes)
    for name, values in ((ORDER, found.order), (STARTS, found.starts), (TIMES, found.times)):
        writer.add_array(name, parts(values), dtype=values.dtype, count=len(values))
