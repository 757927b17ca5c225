"""Turns a user's table into the columns that a model reads: checks names and cells, and reports everything at once."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.near_misses import did_you_mean
from ml_training.inference.cells import UNSEEN, Cells, Misfits, booleans, category_codes, numbers
from ml_training.inference.columns import TIME_MISSING, ColumnKind
from ml_training.inference.errors import TableError, TableProblem
from ml_training.inference.history import History, ordered_rows
from ml_training.inference.history_cells import group_codes, times
from ml_training.inference.schema import FeatureSchema, PredictionSchema
from ml_training.inference.table import NamedColumns, Table, named_columns

__all__ = ["ModelTable", "TableError", "TableProblem", "read_table"]

READ_AS_MISSING = frozenset({"NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None"})  # by pandas, in CSV files


@dataclass(frozen=True, slots=True, eq=False)
class ModelTable:
    """The columns of a table as a `ColumnSource` for the features of a model.

    missing, unseen: how many cells of a column had no value, or a category that the model does not know; columns
    without any are left out.
    """

    rows: int
    values: Mapping[str, NDArray[Any]]
    texts: Mapping[str, tuple[str, ...]]
    missing: Mapping[str, int]
    unseen: Mapping[str, int]
    histories: History | None = None

    def stored(self, name: str) -> NDArray[Any]:
        """See ColumnSource."""
        return self.values[name]

    def categories(self, name: str) -> tuple[str, ...]:
        """See ColumnSource: the categories that the model knows."""
        return self.texts.get(name, ())

    def history(self) -> History:
        """See ColumnSource; raises ValueError for a model without windows."""
        if self.histories is None:
            raise ValueError("the model has no windows, so the table has no histories")
        return self.histories

    def release(self) -> None:
        """See ColumnSource: nothing of a table is read from a file."""


def read_table(
    table: Table,
    schema: PredictionSchema,
    *,
    time_column: str | None = None,
    group_column: str | None = None,
    absent_is_missing: bool = False,
) -> ModelTable:
    """The columns of `table` that the model needs; others are ignored, and the order does not matter.

    time_column, group_column: where the table calls them otherwise than the training data, or the model does not name
    them; needed for windows only. absent_is_missing: a column that is not there has no values. Raises TableError with
    every reason, TypeError when it is no table with named columns.
    """
    columns = named_columns(table)
    reader = _Reader(columns, absent_is_missing=absent_is_missing)
    for name, feature in schema.columns.items():
        reader.read_feature(name, feature)
    histories = reader.histories(schema, time_column, group_column) if schema.has_windows else None
    if reader.problems:
        raise TableError(reader.problems)
    return ModelTable(columns.rows, reader.values, reader.texts, reader.missing, reader.unseen, histories)


class _Reader:
    """Reads the columns one by one, and collects what is wrong with them."""

    def __init__(self, columns: NamedColumns, *, absent_is_missing: bool) -> None:
        self.problems: list[TableProblem] = []
        self.values: dict[str, NDArray[Any]] = {}
        self.texts: dict[str, tuple[str, ...]] = {}
        self.missing: dict[str, int] = {}
        self.unseen: dict[str, int] = {}
        self._columns = columns
        self._absent_is_missing = absent_is_missing

    def read_feature(self, name: str, feature: FeatureSchema) -> None:
        """Read a column that features are read from."""
        cells = self._cells(name)
        if cells is None:
            return
        misfits = Misfits()
        values: NDArray[Any]
        if feature.kind is ColumnKind.CATEGORY:
            values = self._category(name, feature, cells, misfits)
        elif feature.kind is ColumnKind.BOOLEAN:
            values = booleans(cells, misfits)
            self._count(self.missing, name, values < 0)
        else:
            values = numbers(cells, misfits)
            self._count(self.missing, name, np.isnan(values))
        self.values[name] = values
        self._report(name, misfits)

    def _category(self, name: str, feature: FeatureSchema, cells: Cells, misfits: Misfits) -> NDArray[np.int32]:
        known = {text: code for code, text in enumerate(feature.categories)}
        codes = category_codes(cells, known, misfits)
        self.texts[name] = feature.categories
        self._count(self.unseen, name, codes == UNSEEN)
        self._count(self.missing, name, codes == -1)
        if name in self.missing and (words := sorted(READ_AS_MISSING.intersection(known))):
            message = f"column {name!r} has missing values, and {words[0]!r} is one of its categories: if the table "
            warnings.warn(f"{message}was read by pandas, read it with keep_default_na=False", stacklevel=6)
        return np.maximum(codes, -1)

    def histories(self, schema: PredictionSchema, time_column: str | None, group_column: str | None) -> History | None:
        """The histories of the rows; None after a problem."""
        moments = self._role("time", time_column or schema.time_column, times)
        groups = self._role("group", group_column or schema.group_column, group_codes) if schema.grouped else None
        if moments is None or (schema.grouped and groups is None):
            return None
        has_history = moments != TIME_MISSING
        if groups is not None:
            has_history &= groups >= 0
        return ordered_rows(np.flatnonzero(has_history), moments, groups)

    def _role(self, role: str, name: str | None, convert: Any) -> NDArray[Any] | None:
        if name is None:
            detail = f"the windows of the model need it, and the model does not name it: give {role}_column"
            self.problems.append(TableProblem(f"{role}_column", detail))
            return None
        cells = self._cells(name)
        if cells is None:
            return None
        misfits = Misfits()
        values: NDArray[Any] = convert(cells, misfits)
        self._report(name, misfits)
        return values

    def _cells(self, name: str) -> Cells | None:
        count = self._columns.names.count(name)
        if count == 1:
            cells = self._columns.read(name)
            if cells.ndim == 1:
                return cells
            self.problems.append(TableProblem(name, "each cell must be one value, and these are arrays"))
        elif count:
            self.problems.append(TableProblem(name, f"{count} columns have this name: rename or drop all but one"))
        elif self._absent_is_missing:
            return np.full(self._columns.rows, np.nan)
        else:
            self.problems.append(
                TableProblem(name, "is not in the table" + did_you_mean(name, self._columns.names, quote="'"))
            )
        return None

    def _report(self, name: str, misfits: Misfits) -> None:
        for reason, (count, row, value) in misfits.found.items():
            shown = repr(value)[:60]
            self.problems.append(TableProblem(name, f"{shown} {reason}", row, count))

    @staticmethod
    def _count(counts: dict[str, int], name: str, found: NDArray[np.bool_]) -> None:
        if count := int(np.count_nonzero(found)):
            counts[name] = count
