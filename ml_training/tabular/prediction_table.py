"""Makes the output of a PREDICT job as Arrow tables: the row, the columns to keep, and what the model says."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml_training.selection.index import ColumnKind, is_missing
from ml_training.selection.predict_plan import (
    PREDICTION,
    ROW,
    PredictedRows,
    PredictPlan,
    contribution_names,
    interval_names,
    predicted_names,
)
from ml_training.tabular.free_text import FreeText

TYPES = {
    ColumnKind.NUMBER: pa.float64(),
    ColumnKind.INTEGER: pa.int64(),
    ColumnKind.BOOLEAN: pa.bool_(),
    ColumnKind.CATEGORY: pa.string(),
    ColumnKind.TIME: pa.timestamp("us", tz="UTC"),
    ColumnKind.TEXT: pa.string(),
}


class PredictionTable:
    """The columns of the output; `texts`: the columns of free text to keep, which the index does not hold."""

    def __init__(self, plan: PredictPlan, *, probabilistic: bool, texts: Mapping[str, FreeText]) -> None:
        self._plan = plan
        self._texts = texts
        self._classes = None if plan.model.classes is None else pa.array(plan.model.classes)
        self._words = {name: pa.array(plan.index.categories(name), pa.string()) for name in _category_columns(plan)}
        said = predicted_names(plan.model) if probabilistic else (PREDICTION,)
        kept = [(name, TYPES[plan.index.kind(name)]) for name in plan.spec.keep]
        value = pa.float64() if self._classes is None else self._classes.type
        chances = [(name, pa.float64()) for name in said[1:]]
        interval = pa.float64() if self._classes is None else pa.list_(value)
        around = [(name, interval) for name in interval_names(plan.spec, plan.model)]
        contributions = [(name, pa.float64()) for name in contribution_names(plan.spec, plan.model)]
        self.schema = pa.schema([(ROW, pa.int64()), *kept, (PREDICTION, value), *chances, *around, *contributions])

    def table(self, part: PredictedRows) -> Any:
        """The Arrow table of a batch."""
        columns = [pa.array(part.rows), *(self._kept(name, part.rows) for name in self._plan.spec.keep)]
        columns.append(pa.array(part.values) if self._classes is None else self._classes.take(pa.array(part.values)))
        columns += [*_numbers(part.probabilities), *_numbers(_interval(part))]
        columns += [] if part.sets is None else [_lists(part.sets, self._classes)]
        columns += _numbers(part.contributions)
        return pa.table(columns, schema=self.schema)

    def _kept(self, name: str, rows: NDArray[np.int64]) -> Any:
        index = self._plan.index
        if name in self._texts:
            return self._texts[name].take(rows)
        values = np.asarray(index.stored(name)[rows])
        return _CONVERT[index.kind(name)](values, is_missing(values, index.kind(name)), self._words.get(name))


def _numbers(matrix: NDArray[np.float64] | None) -> list[Any]:
    """The columns of a matrix; NaN is a contribution that there is none of."""
    some = () if matrix is None else matrix.T
    return [pa.array(np.ascontiguousarray(column), from_pandas=True) for column in some]


def _lists(sets: NDArray[np.bool_], classes: Any) -> Any:
    """For each row the classes of its set, in their order."""
    rows, codes = np.nonzero(sets)
    ends = np.searchsorted(rows, np.arange(len(sets) + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), classes.take(pa.array(codes)))


def _interval(part: PredictedRows) -> NDArray[np.float64] | None:
    """The columns low and high; an end beyond the range of float64 is infinite."""
    if part.half_width is None:
        return None
    with np.errstate(over="ignore"):
        return np.column_stack([part.values - part.half_width, part.values + part.half_width])


def _category_columns(plan: PredictPlan) -> Iterator[str]:
    return (name for name in plan.spec.keep if plan.index.kind(name) is ColumnKind.CATEGORY)


def _number(values: NDArray[Any], missing: NDArray[np.bool_], _: Any) -> Any:
    return pa.array(values.astype(np.float64), mask=missing)


def _integer(values: NDArray[Any], missing: NDArray[np.bool_], _: Any) -> Any:
    return pa.array(values.astype(np.int64))


def _boolean(values: NDArray[Any], missing: NDArray[np.bool_], _: Any) -> Any:
    return pa.array(values > 0, mask=missing)


def _category(values: NDArray[Any], missing: NDArray[np.bool_], words: Any) -> Any:
    return words.take(pa.array(values.astype(np.int32), mask=missing))


def _time(values: NDArray[Any], missing: NDArray[np.bool_], _: Any) -> Any:
    return pa.array(values, mask=missing).cast(TYPES[ColumnKind.TIME])


_CONVERT: Mapping[ColumnKind, Callable[[NDArray[Any], NDArray[np.bool_], Any], Any]] = {
    ColumnKind.NUMBER: _number,
    ColumnKind.INTEGER: _integer,
    ColumnKind.BOOLEAN: _boolean,
    ColumnKind.CATEGORY: _category,
    ColumnKind.TIME: _time,
}
