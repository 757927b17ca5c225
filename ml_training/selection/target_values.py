"""Reads the target values of rows: a column as it is, or false and true made from it by a rule or a horizon."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.problems import refusal
from ml_training.domain.targets import AnyTarget, HorizonTarget, RuleTarget
from ml_training.selection.column_names import no_column
from ml_training.selection.index import NUMERIC, ColumnKind, SelectionIndex, is_missing
from ml_training.selection.rows import MICROSECOND

TARGET_KINDS = NUMERIC | {ColumnKind.BOOLEAN, ColumnKind.CATEGORY}
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
}
UNDEFINED = -1
ROUNDING = 1e-9  # from 7 to 9.1 is a move by 30 %, although doubles say 29.999999999999993
Pointer = Callable[[str], str]
"""Gives the JSON pointer of a field of the target in the request."""


@dataclass(frozen=True, slots=True, eq=False)
class TargetValues:
    """The rows (ascending) that have a target, and its values: those of the column, or int8 0 and 1."""

    rows: NDArray[np.int64]
    values: NDArray[Any]
    kind: ColumnKind
    not_covered: int = 0  # rows whose horizon reaches beyond their history, or whose move is undefined


def target_pointer(field: str) -> str:
    """The `Pointer` of a TRAIN spec."""
    return f"/target/{field}"


def read_target(index: SelectionIndex, target: AnyTarget, *, mask: NDArray[np.bool_], pointer: Pointer) -> TargetValues:
    """The target of the masked rows; raises Invalid with one reason when the data set does not have it."""
    _check_usable(index, target, pointer)
    kind = index.kind(target.column)
    not_covered = 0
    if isinstance(target, HorizonTarget):
        moves = _moves(index, target)
        kept = mask & (moves != UNDEFINED)
        not_covered = int(np.count_nonzero(mask)) - int(np.count_nonzero(kept))
        rows = np.flatnonzero(kept)
        values: NDArray[Any] = moves[rows]
    else:
        rows, values = _present(index, target.column, mask)
    if isinstance(target, RuleTarget):
        values = COMPARE[target.operator](values, _comparable(index, target)).astype(np.int8)
    if not len(rows):
        why = "has no value" if not not_covered else "has no row whose horizon is covered"
        raise refusal(pointer("column"), f"column {target.column!r} {why} in the selected rows")
    return TargetValues(rows, values, ColumnKind.BOOLEAN if target.is_made else kind, not_covered)


def _check_usable(index: SelectionIndex, target: AnyTarget, pointer: Pointer) -> None:
    reason, field = "", "column"
    name = target.column
    if name not in index:
        reason = no_column(index, name)
    elif index.kind(name) not in TARGET_KINDS:
        reason = f"column {name!r} is {index.kind(name)}: a target holds classes or numbers"
    elif isinstance(target, RuleTarget):
        field, reason = "value", _why_not_comparable(index, target)
    elif isinstance(target, HorizonTarget) and index.kind(name) not in NUMERIC:
        reason = f"column {name!r} is {index.kind(name)}: a horizon needs numbers"
    elif isinstance(target, HorizonTarget) and index.time_column is None:
        field, reason = "horizon", "the data set has no time column: add the data set again with time_column"
    if reason:
        raise refusal(pointer(field), reason)


def _why_not_comparable(index: SelectionIndex, target: RuleTarget) -> str:
    kind, value = index.kind(target.column), target.value
    if kind is ColumnKind.CATEGORY:
        if not isinstance(value, str):
            return f"column {target.column!r} holds categories: compare it by = with one of them, as text"
        known = value in index.categories(target.column)
        return "" if known else f"{value!r} does not occur in column {target.column!r}"
    wanted = (bool,) if kind is ColumnKind.BOOLEAN else (int, float)
    fits = isinstance(value, wanted) and isinstance(value, bool) is (kind is ColumnKind.BOOLEAN)
    if kind is ColumnKind.BOOLEAN:
        return "" if fits else f"column {target.column!r} is boolean: compare it by = with true or false"
    return "" if fits else f"column {target.column!r} holds numbers: compare it with one"


def _comparable(index: SelectionIndex, target: RuleTarget) -> Any:
    if index.kind(target.column) is ColumnKind.CATEGORY:
        return index.categories(target.column).index(str(target.value))
    return target.value


def _present(index: SelectionIndex, column: str, mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The positions of the masked rows that have a value in this column, and those values."""
    values = index.values(column)
    if index.nulls(column):
        mask = mask & ~is_missing(values, index.kind(column))
    if mask.all():
        return np.arange(index.rows, dtype=np.int64), np.asarray(values)
    rows = np.flatnonzero(mask).astype(np.int64, copy=False)
    return rows, values[rows]


def _moves(index: SelectionIndex, target: HorizonTarget) -> NDArray[np.int8]:
    """For each row of the data set: 1 if the column moves far enough in time, 0 if not, UNDEFINED if not known."""
    history = index.history()
    now = np.asarray(index.values(target.column))[history.order].astype(np.float64, copy=False)
    ends = history.times + target.length // MICROSECOND
    then = history.at_or_before(ends)
    if index.nulls(target.column):
        # The last value known at a position: its own, or that of the nearest position before it that has one. Where
        # the row itself has a value, this never leaves its group.
        then = np.maximum.accumulate(np.where(np.isnan(now), 0, np.arange(len(now))))[then]
    with np.errstate(invalid="ignore", over="ignore"):
        least = np.abs(now) * (target.min_percent_change / 100.0 * (1 - ROUNDING))
        moved = now[then] - now >= least if target.direction == "up" else now - now[then] >= least
        moved &= least < np.inf  # no double moves by more than the largest double
    defined = (history.last_times >= ends) & (least > 0)  # a missing value is not above 0 either
    moves = np.full(index.rows, UNDEFINED, dtype=np.int8)
    moves[history.order] = np.where(defined, moved, UNDEFINED)
    return moves
