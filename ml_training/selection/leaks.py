"""Finds features of which one alone nearly determines the target: usually the target in another form.

The look is cheap and bounded: one half of a sample of the rows predicts the other half from one feature, without any
algorithm that could fail to learn it. Text and booleans: the commonest class, or the mean target, of each value.
Numbers: the same of the nearest value (classes), or on the line between the two neighbours (quantities).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.index import NUMERIC, SelectionIndex, is_missing
from ml_training.selection.labels import Labels
from ml_training.selection.sample import sample_positions
from ml_training.selection.schema import FeatureSchema

CELLS = 200_000  # rows times features to look at: some 10 ms
MOST_ROWS, LEAST_ROWS = 5_000, 100
ERROR_SHARE = 0.005  # of the errors of a prediction without any feature: what a leak leaves of them
LEAST_ERRORS = 20  # that the prediction without a feature makes on the half: else chance is enough


def leaking_features(index: SelectionIndex, labels: Labels, features: Sequence[FeatureSchema]) -> list[tuple[str, str]]:
    """The columns that determine the target on a sample, and a sentence for each; in the order of the features."""
    columns = [feature for feature in features if feature.window is None]
    at_most = min(MOST_ROWS, CELLS // max(1, len(columns)))
    rows = sample_positions(len(labels.rows), at_most=max(LEAST_ROWS, at_most))
    if len(rows) < LEAST_ROWS:
        return []
    return list(_found(index, labels.y[rows], labels.rows[rows], columns, is_class=labels.classes is not None))


def _found(
    index: SelectionIndex,
    y: NDArray[Any],
    rows: NDArray[np.int64],
    columns: Sequence[FeatureSchema],
    *,
    is_class: bool,
) -> Iterator[tuple[str, str]]:
    learn = np.random.Generator(np.random.PCG64(0)).permutation(len(rows)) < len(rows) // 2
    base = _base_error(y, learn, is_class=is_class)
    for column in columns if base > 0 else ():
        x = index.stored(column.name)[rows]
        known = ~is_missing(x, column.kind)
        if not (known[learn].any() and known[~learn].any()):
            continue
        error = _error(x, y, learn & known, ~learn, known, is_number=column.kind in NUMERIC, is_class=is_class)
        if error <= ERROR_SHARE * base:
            yield column.name, _sentence(column.name, error, base, is_class=is_class)


def _base_error(y: NDArray[Any], learn: NDArray[np.bool_], *, is_class: bool) -> float:
    """The errors of a prediction that uses no feature: wrong rows, or the sum of squares; 0 when there are too few."""
    other = y[~learn]
    if is_class:
        wrong = int(np.count_nonzero(other != np.bincount(y[learn]).argmax()))
        return float(wrong) if wrong >= LEAST_ERRORS else 0.0
    with np.errstate(over="ignore"):
        spread = float(((other - y[learn].mean()) ** 2).sum())
    return spread if np.isfinite(spread) else 0.0


def _error(
    x: NDArray[Any],
    y: NDArray[Any],
    learn: NDArray[np.bool_],
    other: NDArray[np.bool_],
    known: NDArray[np.bool_],
    *,
    is_number: bool,
    is_class: bool,
) -> float:
    """The errors of a prediction from this feature alone; a row without a value is predicted without it."""
    values, position = np.unique(x[learn], return_inverse=True)
    each = _commonest(position, y[learn], len(values)) if is_class else _mean(position, y[learn], len(values))
    fallback = np.bincount(y[learn]).argmax() if is_class else y[learn].mean()
    predicted = np.full(int(np.count_nonzero(other)), fallback, dtype=each.dtype)
    has_value = known[other]
    asked = x[other][has_value]
    if is_number and not is_class:
        predicted[has_value] = np.interp(asked.astype(np.float64), values.astype(np.float64), each)
    else:
        at = _nearest(values, asked) if is_number else np.searchsorted(values, asked).clip(max=len(values) - 1)
        seen = np.full(len(asked), fill_value=True) if is_number else values[at] == asked
        predicted[has_value] = np.where(seen, each[at], fallback)
    if is_class:
        return float(np.count_nonzero(predicted != y[other]))
    with np.errstate(over="ignore"):
        return float(((predicted - y[other]) ** 2).sum())


def _commonest(position: NDArray[np.int64], y: NDArray[Any], count: int) -> NDArray[np.int64]:
    """The commonest class at each position; of equal ones the lower."""
    classes = int(y.max()) + 1
    pairs = position * classes + y
    if count * classes <= CELLS:
        table: NDArray[np.int64] = np.bincount(pairs, minlength=count * classes).reshape(count, classes)
        commonest: NDArray[np.int64] = table.argmax(axis=1)
        return commonest
    found, counts = np.unique(pairs, return_counts=True)
    best = np.zeros(count, dtype=np.int64)
    order = np.lexsort((-found, counts))  # the last one written is the commonest, and the lower of equal ones
    best[found[order] // classes] = found[order] % classes
    return best


def _mean(position: NDArray[np.int64], y: NDArray[Any], count: int) -> NDArray[np.float64]:
    means: NDArray[np.float64] = np.bincount(position, weights=y, minlength=count) / np.bincount(
        position, minlength=count
    )
    return means


def _nearest(values: NDArray[Any], asked: NDArray[Any]) -> NDArray[np.int64]:
    right = np.searchsorted(values, asked).clip(1, max(1, len(values) - 1)).clip(max=len(values) - 1)
    left = (right - 1).clip(0)
    a, b = values[left].astype(np.float64), values[right].astype(np.float64)
    is_left: NDArray[np.bool_] = asked.astype(np.float64) - a <= b - asked.astype(np.float64)
    return np.where(is_left, left, right)


def _sentence(name: str, error: float, base: float, *, is_class: bool) -> str:
    if is_class:
        share = f"alone it leaves {error:,.0f} of {base:,.0f} errors in a sample of the rows"
    else:
        share = f"alone it explains {1 - error / base:.2%} of the target's variance in a sample of the rows"
    return (
        f"column {name!r} nearly determines the target: {share}; if it is not known when the model is used, put it "
        "into exclude_features"
    )
