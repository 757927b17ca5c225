"""Handles models that have not seen every class.

All rows of a class may be held out: in a split by time, or when the class has one row.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.states import TaskKind


def known_classes(y: NDArray[Any], *, classes: int) -> tuple[int, ...]:
    """The codes, of 0 to `classes` - 1, that occur in `y`, ascending: the classes that a model can learn."""
    return tuple(int(code) for code in np.flatnonzero(np.bincount(y, minlength=classes)))


def task_for(task: TaskKind, known: Sequence[int]) -> TaskKind:
    """The task of a model that knows only these classes."""
    if task is TaskKind.MULTICLASS and len(known) == 2:
        return TaskKind.BINARY
    return task


def to_known_codes(y: NDArray[Any], known: Sequence[int], *, classes: int) -> NDArray[np.int32]:
    """Codes as positions in `known`; -1 for a class that is not in it."""
    table = np.full(classes, -1, dtype=np.int32)
    table[list(known)] = np.arange(len(known))
    found: NDArray[np.int32] = table[y]
    return found


def to_all_classes(
    values: NDArray[np.float64], known: Sequence[int], *, classes: int, probabilistic: bool
) -> NDArray[Any]:
    """Class values of shape (rows, known) as (rows, classes): an unknown class is never the likeliest."""
    if len(known) == classes:
        return values
    lowest = np.zeros((len(values), 1)) if probabilistic else values.min(axis=1, keepdims=True) - 1.0
    wide = np.repeat(lowest, classes, axis=1)
    wide[:, list(known)] = values
    return wide
