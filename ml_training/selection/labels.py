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
from ml_training.domain.targets import AnyTarget, ColumnTarget, RuleTarget
from ml_training.selection.index import NUMERIC, ColumnKind, SelectionIndex, recode
from ml_training.selection.rows import listed
from ml_training.selection.schema import ClassLabel, ModelSchema
from ml_training.selection.targets import TargetValues, in_target, read_target

FEW = 20
MAX_CLASSES = 1_000
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
    not_covered: int  # selected rows whose horizon is not covered by the data


def learn_labels(
    index: SelectionIndex, target: AnyTarget, *, mask: NDArray[np.bool_], task: Task | None, errors: list[FieldError]
) -> Labels | None:
    """The labels of the masked rows that have one, for training; None and reasons appended to `errors` if unusable."""
    found = read_target(index, target, mask=mask, pointer=in_target, errors=errors)
    if found is None:
        return None
    if task == "regression" and found.kind not in NUMERIC:
        errors.append(FieldError("/task", f"regression needs numbers, and column {target.column!r} is {found.kind}"))
        return None
    named = None if task == "regression" else _classes(index, target, found, task)
    if named is not None:
        classes, codes = named
        kind = TaskKind.BINARY if len(classes) == 2 else TaskKind.MULTICLASS
        labels = Labels(found.rows, codes, kind, classes, found.not_covered)
        problem = "" if len(classes) > 1 else f"holds one class only, {listed(classes)}: at least two are needed"
    elif found.kind not in NUMERIC or task == "classification":
        errors.append(FieldError("/target/column", f"column {target.column!r} holds more than {MAX_CLASSES:,} classes"))
        return None
    else:
        labels = Labels(found.rows, found.values.astype(np.float64), TaskKind.REGRESSION, None, found.not_covered)
        first = found.values[0].item()
        problem = "" if (found.values != first).any() else f"holds one value only, {listed([first])}"
    if problem:
        errors.append(_one_class(target, problem))
    return None if problem else labels


def _one_class(target: AnyTarget, problem: str) -> FieldError:
    if isinstance(target, ColumnTarget):
        return FieldError("/target/column", f"in the selected rows column {target.column!r} {problem}")
    what = "rule" if isinstance(target, RuleTarget) else "horizon"
    return FieldError("/target", f"in the selected rows the {what} {problem}")


def known_labels(
    index: SelectionIndex, model: ModelSchema, *, mask: NDArray[np.bool_], pointer: str, errors: list[FieldError]
) -> Labels | None:
    """The labels of the masked rows in the model's own classes; a class that it never saw is a reason against."""
    column, wanted = model.target.column, _kinds_of(model.classes)
    if isinstance(model.target, ColumnTarget) and column in index and index.kind(column) not in wanted:
        here = f"target column {column!r} is {index.kind(column)} here"
        errors.append(FieldError(pointer, f"{here}, and {' or '.join(sorted(wanted))} in model {model.model_id}"))
        return None
    found = read_target(index, model.target, mask=mask, pointer=lambda _: pointer, errors=errors)
    if found is None:
        return None
    if model.classes is None:
        return Labels(found.rows, found.values.astype(np.float64), model.task, None, found.not_covered)
    y = _codes_in(index, found, column, model.classes)
    if (y < 0).any():
        unseen = _class_names(index, column, found.kind, np.unique(found.values[y < 0]))
        detail = f"column {column!r} holds classes that model {model.model_id} never saw: {listed(unseen)}"
        errors.append(FieldError(pointer, detail))
        return None
    return Labels(found.rows, y, model.task, model.classes, found.not_covered)


def _classes(
    index: SelectionIndex, target: AnyTarget, found: TargetValues, task: Task | None
) -> tuple[tuple[ClassLabel, ...], NDArray[np.int32]] | None:
    """The classes and codes, or None when there are too many of them to be classes."""
    if target.is_made:
        codes, both = found.values.astype(np.int32), (False, True)
        return both if 0 < np.count_nonzero(codes) < len(codes) else (bool(codes[0]),), codes
    cap = FEW if found.kind in NUMERIC and task is None else MAX_CLASSES
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
