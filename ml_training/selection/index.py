"""The selection index: a data set as one file of memory-mapped arrays, read by the API and the engine.

| kind | values | stored as the narrowest type that loses nothing | missing |
|---|---|---|---|
| number | float64, always finite | float32, float64 | NaN |
| integer | int64 | int8, int16, int32, int64 | never |
| boolean | int8, 0 or 1 | int8 | -1 |
| category | int32 codes into the sorted categories | int8, int16, int32 | -1 |
| time | int64 microseconds since the epoch, UTC | int64 | `TIME_MISSING` |
| text | none: free text is profiled and not used | | |

`values` gives the types of the second column, so that no rule compares or adds in a narrow type; `stored` gives those
of the third one, for code that only moves values.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.columns import (
    FEATURE_KINDS,
    NUMERIC,
    TIME_MISSING,
    ColumnKind,
    is_missing,
    recode,
)
from ml_training.inference.history import History
from ml_training.selection.array_archive import ArrayArchive, Arrays
from ml_training.selection.array_directory import ArrayDirectory

__all__ = [
    "FEATURE_KINDS",
    "NUMERIC",
    "TIME_MISSING",
    "ColumnInfo",
    "ColumnKind",
    "IndexColumn",
    "SelectionIndex",
    "is_missing",
    "recode",
]

INDEX_FILE = "index.npz"
FORMAT_VERSION = 3
DIRECTORY_VERSION = 2  # the format before: a directory with a file for each array
ORDER, STARTS, TIMES = "order.npy", "group_starts.npy", "ordered_times.npy"  # of the histories

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
    arrays: Arrays
    columns: Mapping[str, ColumnInfo]  # in the order of the data set
    time_column: str | None
    phase_column: str | None
    group_column: str | None

    @classmethod
    def open(cls, directory: Path) -> "SelectionIndex":
        """Open the index that `write_index` made in this directory, or an older version of the service did.

        Raises OSError when it is gone, ValueError when it is cut off, damaged or of another version.
        """
        try:
            return cls._open(directory)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"the manifest of the index is damaged: {type(error).__name__}: {error}") from error

    @classmethod
    def _open(cls, directory: Path) -> "SelectionIndex":
        path = directory / INDEX_FILE
        is_file = path.exists()
        arrays: Arrays = ArrayArchive.open(path) if is_file else ArrayDirectory.open(directory)
        manifest = arrays.manifest
        if manifest["version"] != (FORMAT_VERSION if is_file else DIRECTORY_VERSION):
            raise ValueError(f"index format {manifest['version']} is not known to this version of the service")
        infos = (_info(item) for item in manifest["columns"])
        roles = {role: manifest[role] for role in ("time_column", "phase_column", "group_column")}
        columns = {info.name: info for info in infos}
        return cls(directory=directory, rows=manifest["rows"], arrays=arrays, columns=columns, **roles)

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

    def values(self, name: str, rows: slice | None = None) -> NDArray[Any]:
        """One value for each row, or for some rows, in the type of its kind; read-only.

        Raises ValueError for text, which is not stored.
        """
        stored = self.stored(name)
        values = (stored if rows is None else stored[rows]).astype(DTYPES[self.kind(name)], copy=False)
        values.flags.writeable = False
        return values

    def stored(self, name: str) -> NDArray[Any]:
        """One value for each row in the type that it is stored in: a read-only memory map; ValueError as `values`."""
        file = self.columns[name].file
        if file is None:
            raise ValueError(f"column {name!r} is free text: it has no values in the index")
        return self.arrays.array(file)

    def categories(self, name: str) -> tuple[str, ...]:
        """The sorted categories that the codes of a category column point into; () for every other kind."""
        file = self.columns[name].categories_file
        return () if file is None else tuple(json.loads(self.arrays.text(file)))

    def category_bytes(self, name: str) -> int:
        """The size of the categories of a column as a text."""
        file = self.columns[name].categories_file
        return 0 if file is None else len(self.arrays.text(file))

    def history(self) -> History:
        """The histories of a data set that has a time column: computed once, at ingest, and stored."""
        return History(*(self.arrays.array(name) for name in (ORDER, STARTS, TIMES)))

    def release(self) -> None:
        """Give back the memory of the values that were read; arrays stay valid and are read again from the file."""
        self.arrays.release()


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
