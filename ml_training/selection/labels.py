"""Target values as class codes or numbers, and the rule that tells classification from regression.

Text and booleans are classes. Integers, and numbers that are all whole, are classes when there are at most
`FEW` distinct ones among the selected rows; every other number is a quantity. `task` in the job overrules it
where the data allows.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.errors import FieldError
from ml_training.domain.states import TaskKind
from ml_training.selection.index import NUMERIC, ColumnKind, SelectionIndex, is_missing, recode
from ml_training.selection.rows import listed
from ml_training.selection.schema import ClassLabel, ModelSchema

FEW = 20
MAX_CLASSES = 1_000
TARGET_KINDS = NUMERIC | {ColumnKind.BOOLEAN, ColumnKind.CATEGORY}
NARROW = 1 << 16  # integers that span no more than this are counted, not sorted
SAMPLE = 10_000
Task = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The labelled rows (ascending positions in the data set) and, aligned with them, the labels."""

    rows: NDArray[np.int64]
    y: NDArray[Any]  # int32 class codes, or float64
    task: TaskKind
    classes: tuple[ClassLabel, ...] | None


def learn_labels(
    index: SelectionIndex, column: str, *, mask: NDArray[np.bool_], task: Task | None, errors: list[FieldError]
) -> Labels | None:
    """The labels of the masked rows that have one, for training; None and reasons appended to `errors` if unusable."""
    pointer = "/target/column"
    kind = target_kind(index, column, pointer=pointer, errors=errors)
    if kind is None:
        return None
    if task == "regression" and kind not in NUMERIC:
        errors.append(FieldError("/task", f"regression needs numbers, and column {column!r} is {kind}"))
        return None
    rows, values = labelled(index, column, mask)
    if not len(rows):
        errors.append(FieldError(pointer, f"column {column!r} has no value in the selected rows"))
        return None
    found = None if task == "regression" else _classes(index, column, values, task)
    if found is not None:
        classes, codes = found
        labels = Labels(rows, codes, TaskKind.BINARY if len(classes) == 2 else TaskKind.MULTICLASS, classes)
        problem = "" if len(classes) > 1 else f"holds one class only, {listed(classes)}: at least two are needed"
    elif kind not in NUMERIC or task == "classification":
        errors.append(FieldError(pointer, f"column {column!r} holds more than {MAX_CLASSES:,} classes"))
        return None
    else:
        labels = Labels(rows, values.astype(np.float64), TaskKind.REGRESSION, None)
        problem = "" if values.min() != values.max() else f"holds one value only, {listed([values[0].item()])}"
    if problem:
        errors.append(FieldError(pointer, f"in the selected rows column {column!r} {problem}"))
    return None if problem else labels


def known_labels(
    index: SelectionIndex, model: ModelSchema, *, mask: NDArray[np.bool_], pointer: str, errors: list[FieldError]
) -> Labels | None:
    """The labels of the masked rows in the model's own classes; a class that it never saw is a reason against."""
    column = model.target_column
    kind = target_kind(index, column, pointer=pointer, errors=errors)
    if kind is None:
        return None
    wanted = _kinds_of(model.classes)
    if kind not in wanted:
        detail = f"target column {column!r} is {kind} here, and {' or '.join(sorted(wanted))} in model {model.model_id}"
        errors.append(FieldError(pointer, detail))
        return None
    rows, values = labelled(index, column, mask)
    if not len(rows):
        errors.append(FieldError(pointer, f"target column {column!r} has no value in the selected rows"))
        return None
    if model.classes is None:
        return Labels(rows, values.astype(np.float64), model.task, None)
    y = _codes_in(index, column, values, model.classes)
    if (y < 0).any():
        unseen = _class_names(index, column, np.unique(values[y < 0]))
        detail = f"column {column!r} holds classes that model {model.model_id} never saw: {listed(unseen)}"
        errors.append(FieldError(pointer, detail))
        return None
    return Labels(rows, y, model.task, model.classes)


def target_kind(index: SelectionIndex, column: str, *, pointer: str, errors: list[FieldError]) -> ColumnKind | None:
    """The kind of a usable target column; None and the reason appended to `errors` otherwise."""
    if column not in index:
        errors.append(FieldError(pointer, f"the data set has no column {column!r}"))
        return None
    kind = index.kind(column)
    if kind not in TARGET_KINDS:
        errors.append(FieldError(pointer, f"column {column!r} is {kind}: a target holds classes or numbers"))
        return None
    return kind


def labelled(index: SelectionIndex, column: str, mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The positions of the masked rows that have a value in this column, and those values."""
    values = index.values(column)
    if index.nulls(column):
        mask = mask & ~is_missing(values, index.kind(column))
    if mask.all():
        return np.arange(index.rows, dtype=np.int64), np.asarray(values)
    rows = np.flatnonzero(mask).astype(np.int64, copy=False)
    return rows, values[rows]


def _classes(
    index: SelectionIndex, column: str, values: NDArray[Any], task: Task | None
) -> tuple[tuple[ClassLabel, ...], NDArray[np.int32]] | None:
    """The classes and codes, or None when there are too many of them to be classes."""
    numeric = index.kind(column) in NUMERIC
    cap = FEW if numeric and task is None else MAX_CLASSES
    whole = _as_integers(values)
    if whole is None and task is None:
        return None
    found = distinct_codes(values if whole is None else whole, cap=cap)
    if found is None:
        return None
    distinct, codes = found
    return _class_names(index, column, distinct), codes


def _as_integers(values: NDArray[Any]) -> NDArray[Any] | None:
    """The values as integers when that loses nothing: 1.0 is the class 1."""
    if values.dtype.kind != "f":
        return values
    if np.abs(values[:SAMPLE] - np.rint(values[:SAMPLE])).any() or np.abs(values).max() >= 2**53:
        return None
    whole = values.astype(np.int64)
    return whole if (whole == values).all() else None


def distinct_codes(values: NDArray[Any], *, cap: int) -> tuple[NDArray[Any], NDArray[np.int32]] | None:
    """The sorted distinct values and each value's position among them; None when there are more than `cap`."""
    low, high = values.min().item(), values.max().item()
    if values.dtype.kind == "i" and high - low < NARROW:
        offsets = values.astype(np.int64) - low
        present = np.flatnonzero(np.bincount(offsets))
        table = np.zeros(high - low + 1, dtype=np.int32)
        table[present] = np.arange(len(present))
        return None if len(present) > cap else (present + low, table[offsets])
    # A look at the head spares the sort of a million rows that are plainly a quantity.
    if len(np.unique(values[:SAMPLE])) > cap:
        return None
    distinct = np.unique(values)
    return None if len(distinct) > cap else (distinct, np.searchsorted(distinct, values).astype(np.int32))


def _class_names(index: SelectionIndex, column: str, distinct: NDArray[Any]) -> tuple[ClassLabel, ...]:
    kind = index.kind(column)
    if kind is ColumnKind.CATEGORY:
        categories = index.categories(column)
        return tuple(categories[code] for code in distinct)
    if kind is ColumnKind.BOOLEAN:
        return tuple(bool(value) for value in distinct)
    return tuple(value.item() for value in distinct)


def _kinds_of(classes: tuple[ClassLabel, ...] | None) -> frozenset[ColumnKind]:
    if classes is None or not isinstance(classes[0], str | bool):
        return NUMERIC
    return frozenset({ColumnKind.CATEGORY if isinstance(classes[0], str) else ColumnKind.BOOLEAN})


def _codes_in(
    index: SelectionIndex, column: str, values: NDArray[Any], classes: tuple[ClassLabel, ...]
) -> NDArray[np.int32]:
    """Each value's position in `classes`, -1 for a class that is not there."""
    if index.kind(column) is ColumnKind.CATEGORY:
        return recode(values, index.categories(column), tuple(str(label) for label in classes))
    known = np.array(classes)
    codes = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.where(known[codes] == values, codes, -1).astype(np.int32)
