"""Goes through a large array part by part, so that what is computed from it needs little memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.index import ColumnKind, is_missing

ROWS_PER_PART = 1 << 20


def parts(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Consecutive views of the array."""
    return (values[start : start + ROWS_PER_PART] for start in range(0, len(values), ROWS_PER_PART))


def present_parts(values: NDArray[Any], kind: ColumnKind) -> Iterator[NDArray[Any]]:
    """The values of a column that are not missing; parts without any are left out."""
    for part in parts(values):
        missing = is_missing(part, kind)
        present = part[~missing] if missing.any() else part
        if len(present):
            yield present


def varies(values: NDArray[Any], kind: ColumnKind) -> bool:
    """Whether a column has at least two distinct values; missing ones are not counted."""
    first = None
    for present in present_parts(values, kind):
        first = present[0] if first is None else first
        if np.any(present != first):
            return True
    return False
