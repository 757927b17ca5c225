"""The selection index: a data set as one directory of memory-mapped arrays, read by the API and the engine.

| kind | array | missing |
|---|---|---|
| number | float64, always finite | NaN |
| integer | int64 | never |
| boolean | int8, 0 or 1 | -1 |
| category | int32 codes into the sorted categories | -1 |
| time | int64 microseconds since the epoch, UTC | `TIME_MISSING` |
| text | none: free text is profiled and not used | |
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MANIFEST = "manifest.json"
FORMAT_VERSION = 2
TIME_MISSING = int(np.iinfo(np.int64).min)


class ColumnKind(StrEnum):
    """What the values of a column are."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    TIME = "time"
    TEXT = "text"


NUMERIC = frozenset({ColumnKind.NUMBER, ColumnKind.INTEGER})
FEATURE_KINDS = frozenset({ColumnKind.NUMBER, ColumnKind.INTEGER, ColumnKind.BOOLEAN, ColumnKind.CATEGORY})
DTYPES: dict[ColumnKind, np.dtype[Any]] = {
    ColumnKind.NUMBER: np.dtype("<f8"),
    ColumnKind.INTEGER: np.dtype("<i8"),
    ColumnKind.BOOLEAN: np.dtype("i1"),
    ColumnKind.CATEGORY: np.dtype("<i4"),
    ColumnKind.TIME: np.dtype("<i8"),
}


@dataclass(frozen=True, slots=True, eq=False)
class IndexColumn:
    """A column to write into an index; `values` is None for text only."""

    name: str
    kind: ColumnKind
    values: NDArray[Any] | None
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """What the manifest says about a column; `varies`: at least two distinct values, missing ones not counted."""

    name: str
    kind: ColumnKind
    nulls: int
    varies: bool
    file: str | None
    categories_file: str | None
    categories_count: int


@dataclass(frozen=True, slots=True)
class SelectionIndex:
    """A data set opened for reading; cheap to open, immutable, safe to share between threads."""

    directory: Path
    rows: int
    columns: Mapping[str, ColumnInfo]  # in the order of the data set
    time_column: str | None
    phase_column: str | None
    group_column: str | None

    @classmethod
    def open(cls, directory: Path) -> "SelectionIndex":
        """Open the index that `write_index` made in this directory; raises OSError when it is gone."""
        manifest = json.loads((directory / MANIFEST).read_bytes())
        if manifest["version"] != FORMAT_VERSION:
            raise ValueError(f"index format {manifest['version']} is not known to this version of the service")
        infos = (_info(item) for item in manifest["columns"])
        roles = {role: manifest[role] for role in ("time_column", "phase_column", "group_column")}
        return cls(directory=directory, rows=manifest["rows"], columns={info.name: info for info in infos}, **roles)

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in the order of the data set."""
        return tuple(self.columns)

    def kind(self, name: str) -> ColumnKind:
        """The kind of a column; raises KeyError when there is none of that name."""
        return self.columns[name].kind

    def nulls(self, name: str) -> int:
        """How many rows have no value in this column."""
        return self.columns[name].nulls

    def values(self, name: str) -> NDArray[Any]:
        """A read-only memory map of one value per row; raises ValueError for text, which is not stored."""
        file = self.columns[name].file
        if file is None:
            raise ValueError(f"column {name!r} is free text: it has no values in the index")
        values: NDArray[Any] = np.load(self.directory / file, mmap_mode="r", allow_pickle=False)
        return values

    def categories(self, name: str) -> tuple[str, ...]:
        """The sorted categories that the codes of a category column point into; () for every other kind."""
        file = self.columns[name].categories_file
        return () if file is None else tuple(json.loads((self.directory / file).read_bytes()))


def is_missing(values: NDArray[Any], kind: ColumnKind) -> NDArray[np.bool_]:
    """True where a column of this kind has no value."""
    missing: NDArray[np.bool_]
    if kind is ColumnKind.NUMBER:
        missing = np.isnan(values)
    elif kind is ColumnKind.INTEGER:
        missing = np.zeros(values.shape, dtype=np.bool_)
    elif kind is ColumnKind.TIME:
        missing = values == TIME_MISSING
    else:
        missing = values < 0
    return missing


def recode(codes: NDArray[Any], source: tuple[str, ...], target: tuple[str, ...]) -> NDArray[np.int32]:
    """Codes into `source` as codes into `target`; -1 for missing values and for categories not in `target`."""
    known = {category: code for code, category in enumerate(target)}
    table = np.array([*(known.get(category, -1) for category in source), -1], dtype=np.int32)
    recoded: NDArray[np.int32] = table[codes]  # code -1 picks the last entry, which is -1
    return recoded


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
    items: dict[str, dict[str, object]] = {}
    for number, column in enumerate(columns):
        if column.name in items:
            raise ValueError(f"two columns are called {column.name!r}")
        items[column.name] = _write_column(directory, column, number=number, rows=rows)
    manifest = {
        "version": FORMAT_VERSION,
        "rows": rows,
        "time_column": time_column,
        "phase_column": phase_column,
        "group_column": group_column,
        "columns": list(items.values()),
    }
    (directory / MANIFEST).write_text(_json(manifest), encoding="utf-8")
    return SelectionIndex.open(directory)


def _write_column(directory: Path, column: IndexColumn, *, number: int, rows: int) -> dict[str, object]:
    item: dict[str, object] = {"name": column.name, "kind": column.kind.value, "nulls": 0, "varies": True}
    if column.values is None:
        if column.kind is not ColumnKind.TEXT:
            raise ValueError(f"column {column.name!r} of kind {column.kind} has no values")
        return item
    values = _checked(column, rows)
    file = f"{number:05}.npy"
    np.save(directory / file, values, allow_pickle=False)
    present = values[~is_missing(values, column.kind)]
    item |= {"file": file, "nulls": rows - len(present), "varies": bool(len(present) and np.any(present != present[0]))}
    if column.kind is ColumnKind.CATEGORY:
        categories_file = f"{number:05}.json"
        (directory / categories_file).write_text(_json(column.categories), encoding="utf-8")
        item |= {"categories_file": categories_file, "categories_count": len(column.categories)}
    return item


def _checked(column: IndexColumn, rows: int) -> NDArray[Any]:
    if column.kind is ColumnKind.TEXT or column.values is None or column.values.shape != (rows,):
        raise ValueError(f"column {column.name!r} needs exactly one value for each of {rows} rows, text none")
    values = np.ascontiguousarray(column.values)
    if values.dtype != DTYPES[column.kind]:
        raise ValueError(f"column {column.name!r} of kind {column.kind} must be {DTYPES[column.kind]}")
    if column.kind is ColumnKind.NUMBER and np.isinf(values).any():
        raise ValueError(f"column {column.name!r} holds an infinite number")
    if column.kind is ColumnKind.CATEGORY and int(values.max()) >= len(column.categories):
        raise ValueError(f"column {column.name!r} holds a code without a category")
    return values


def _info(item: Mapping[str, Any]) -> ColumnInfo:
    return ColumnInfo(
        name=item["name"],
        kind=ColumnKind(item["kind"]),
        nulls=item["nulls"],
        varies=item["varies"],
        file=item.get("file"),
        categories_file=item.get("categories_file"),
        categories_count=item.get("categories_count", 0),
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
