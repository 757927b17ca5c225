"""Turns target values into labels (class codes or numbers), and decides between classification and regression.

Text and booleans are classes. Integers, and numbers that are all whole, are classes when the selected rows have at
most `MAX_NUMBER_CLASSES` distinct ones; every other number is a quantity. `task` in the job overrides this rule where
the data allows it.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.errors import Invalid
from ml_training.domain.problems import refusal
from ml_training.domain.states import TaskKind
from ml_training.domain.targets import AnyTarget, ColumnTarget, RuleTarget
from ml_training.selection.index import NUMERIC, ColumnKind, SelectionIndex, recode
from ml_training.selection.rows import list_as_json
from ml_training.selection.schema import ClassLabel, ModelSchema, positive_class
from ml_training.selection.target_values import TargetValues, read_target, target_pointer

MAX_NUMBER_CLASSES = 20
MAX_CLASSES = 1_000
MAX_COUNTED_SPAN = 1 << 16  # integers in a range up to this size are counted, not sorted
SAMPLE_ROWS = 10_000
Task = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The labelled rows and their labels.

    rows: ascending positions in the data set; y: aligned with rows, int32 class codes or float64;
    classes: what the codes mean, sorted, None for regression;
    not_covered: how many of the selected rows are left out because the data do not cover their horizon.
    """

    rows: NDArray[np.int64]
    y: NDArray[Any]
    task: TaskKind
    classes: tuple[ClassLabel, ...] | None
    not_covered: int

    @property
    def positive(self) -> int | None:
        """The code of the positive class, binary only."""
        return positive_class(self.task, self.classes)


def training_labels(index: SelectionIndex, target: AnyTarget, *, mask: NDArray[np.bool_], task: Task | None) -> Labels:
    """The labels of the masked rows that have one, for training; raises Invalid with one reason if unusable."""
    found = read_target(index, target, mask=mask, pointer=target_pointer)
    if task == "regression" and found.kind not in NUMERIC:
        raise refusal("/task", f"regression needs numbers, and column {target.column!r} is {found.kind}")
    named = None if task == "regression" else _classes(index, target, found, task)
    if named is not None:
        classes, codes = named
        kind = TaskKind.BINARY if len(classes) == 2 else TaskKind.MULTICLASS
        labels = Labels(found.rows, codes, kind, classes, found.not_covered)
        problem = "" if len(classes) > 1 else f"holds one class only, {list_as_json(classes)}: at least two are needed"
    elif found.kind not in NUMERIC or task == "classification":
        raise refusal("/target/column", f"column {target.column!r} holds more than {MAX_CLASSES:,} classes")
    else:
        labels = Labels(found.rows, found.values.astype(np.float64), TaskKind.REGRESSION, None, found.not_covered)
        first = found.values[0].item()
        problem = "" if (found.values != first).any() else f"holds one value only, {list_as_json([first])}"
    if problem:
        raise _one_class(target, problem)
    return labels


def _one_class(target: AnyTarget, problem: str) -> Invalid:
    if isinstance(target, ColumnTarget):
        return refusal("/target/column", f"in the selected rows column {target.column!r} {problem}")
    what = "rule" if isinstance(target, RuleTarget) else "horizon"
    return refusal("/target", f"in the selected rows the {what} {problem}")


def evaluation_labels(index: SelectionIndex, model: ModelSchema, *, mask: NDArray[np.bool_], pointer: str) -> Labels:
    """The labels of the masked rows in the model's own classes.

    Raises Invalid with one reason, for example a class that the model never saw; `pointer` names the model.
    """
    column, wanted = model.target.column, _kinds_of(model.classes)
    if isinstance(model.target, ColumnTarget) and column in index and index.kind(column) not in wanted:
        here = f"target column {column!r} is {index.kind(column)} here"
        raise refusal(pointer, f"{here}, and {' or '.join(sorted(wanted))} in model {model.model_id}")
    found = read_target(index, model.target, mask=mask, pointer=lambda _: pointer)
    if model.classes is None:
        return Labels(found.rows, found.values.astype(np.float64), model.task, None, found.not_covered)
    y = _codes_in(index, found, column, model.classes)
    if (y < 0).any():
        unseen = _class_names(index, column, found.kind, np.unique(found.values[y < 0]))
        detail = f"column {column!r} holds classes that model {model.model_id} never saw: {list_as_json(unseen)}"
        raise refusal(pointer, detail)
    return Labels(found.rows, y, model.task, model.classes, found.not_covered)


def _classes(
    index: SelectionIndex, target: AnyTarget, found: TargetValues, task: Task | None
) -> tuple[tuple[ClassLabel, ...], NDArray[np.int32]] | None:
    """The classes and codes, or None when there are too many of them to be classes."""
    if target.is_made:
        codes, both = found.values.astype(np.int32), (False, True)
        return both if 0 < np.count_nonzero(codes) < len(codes) else (bool(codes[0]),), codes
    cap = MAX_NUMBER_CLASSES if found.kind in NUMERIC and task is None else MAX_CLASSES
    whole = _as_integers(found.values)
    if whole is None and task is None:
        return None
    coded = distinct_codes(found.values if whole is None else whole, cap=cap)
    if coded is None:
        return None
    distinct, codes = coded
    return _class_names(index, target.column, found.kind, distinct), codes


def _as_integers(values: NDArray[Any]) -> NDArray[Any] | None:
    """The values as integers when that loses nothing: 1.0 is the class 1."""
    if values.dtype.kind != "f":
        return values
    if np.abs(values[:SAMPLE_ROWS] - np.rint(values[:SAMPLE_ROWS])).any() or np.abs(values).max() >= 2**53:
        return None
    whole = values.astype(np.int64)
    return whole if (whole == values).all() else None


def distinct_codes(values: NDArray[Any], *, cap: int) -> tuple[NDArray[Any], NDArray[np.int32]] | None:
    """The sorted distinct values and each value's position among them; None when there are more than `cap`."""
    low, high = values.min().item(), values.max().item()
    if values.dtype.kind == "i" and high - low < MAX_COUNTED_SPAN:
        offsets = values.astype(np.int64) - low
        present = np.flatnonzero(np.bincount(offsets))
        table = np.zeros(high - low + 1, dtype=np.int32)
        table[present] = np.arange(len(present))
        return None if len(present) > cap else (present + low, table[offsets])
    # The first rows often show that the column is a quantity; that saves the sort of a million rows.
    if len(np.unique(values[:SAMPLE_ROWS])) > cap:
        return None
    distinct = np.unique(values)
    return None if len(distinct) > cap else (distinct, np.searchsorted(distinct, values).astype(np.int32))


def _class_names(
    index: SelectionIndex, column: str, kind: ColumnKind, distinct: NDArray[Any]
) -> tuple[ClassLabel, ...]:
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
    index: SelectionIndex, found: TargetValues, column: str, classes: tuple[ClassLabel, ...]
) -> NDArray[np.int32]:
    """Each value's position in `classes`, -1 for a class that is not there."""
    if found.kind is ColumnKind.CATEGORY:
        return recode(found.values, index.categories(column), tuple(str(label) for label in classes))
    known = np.array(classes)
    codes = np.minimum(np.searchsorted(known, found.values), len(known) - 1)
    return np.where(known[codes] == found.values, codes, -1).astype(np.int32)
