"""A model that has not seen every class: rows of the others may be held out, in time or where a class has one row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.states import TaskKind


def known_classes(y: NDArray[Any], *, classes: int) -> tuple[int, ...]:
    """The codes that occur in `y`, ascending; all of `classes`, or those that a model can tell apart."""
    return tuple(int(code) for code in np.flatnonzero(np.bincount(y, minlength=classes)))


def task_of(task: TaskKind, known: Sequence[int]) -> TaskKind:
    """The task of a model that knows only these classes."""
    if task is TaskKind.MULTICLASS and len(known) == 2:
        return TaskKind.BINARY
    return task


def recoded(y: NDArray[Any], known: Sequence[int], *, classes: int) -> NDArray[np.int32]:
    """Codes as positions in `known`; -1 for a class that is not there."""
    table = np.full(classes, -1, dtype=np.int32)
    table[list(known)] = np.arange(len(known))
    found: NDArray[np.int32] = table[y]
    return found


def spread(values: NDArray[np.float64], known: Sequence[int], *, classes: int, probabilistic: bool) -> NDArray[Any]:
    """Class values of shape (rows, known) as (rows, classes): an unknown class is never the likeliest."""
    if len(known) == classes:
        return values
    nothing = np.zeros((len(values), 1)) if probabilistic else values.min(axis=1, keepdims=True) - 1.0
    wide = np.repeat(nothing, classes, axis=1)
    wide[:, list(known)] = values
    return wide
