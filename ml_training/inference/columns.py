"""The kinds of columns, and how each kind represents its values and the missing ones."""

from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.history import History

TIME_MISSING = int(np.iinfo(np.int64).min)


class ColumnKind(StrEnum):
    """What the values of a column are."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    TIME = "time"
    TEXT = "text"


NUMERIC = frozenset({ColumnKind.NUMBER, ColumnKind.INTEGER})
FEATURE_KINDS = frozenset({ColumnKind.NUMBER, ColumnKind.INTEGER, ColumnKind.BOOLEAN, ColumnKind.CATEGORY})


def is_missing(values: NDArray[Any], kind: ColumnKind) -> NDArray[np.bool_]:
    """True where a column of this kind has no value."""
    missing: NDArray[np.bool_]
    if kind is ColumnKind.NUMBER:
        missing = np.isnan(values)
    elif kind is ColumnKind.INTEGER:
        missing = np.zeros(values.shape, dtype=np.bool_)
    elif kind is ColumnKind.TIME:
        missing = values == TIME_MISSING
    else:
        missing = values < 0
    return missing


def recode(codes: NDArray[Any], source: tuple[str, ...], target: tuple[str, ...]) -> NDArray[np.int32]:
    """Codes into `source` as codes into `target`; -1 for missing values and for categories not in `target`."""
    known = {category: code for code, category in enumerate(target)}
    table = np.array([*(known.get(category, -1) for category in source), -1], dtype=np.int32)
    recoded: NDArray[np.int32] = table[codes]  # code -1 picks the last entry, which is -1
    return recoded


class ColumnSource(Protocol):
    """Columns of a data set, or of a user's table, in the representation of their kinds."""

    @property
    def rows(self) -> int:
        """How many rows each column has."""

    def stored(self, name: str) -> NDArray[Any]:
        """One value for each row, in the type of its kind or a narrower one."""

    def categories(self, name: str) -> tuple[str, ...]:
        """The categories that the codes of a category column point into; () for every other kind."""

    def history(self) -> History:
        """The histories of the rows, for windows."""

    def release(self) -> None:
        """Give back the memory of what was read from a file; it can be read again at any time."""
