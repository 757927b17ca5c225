"""Converts the cells of a user's column into the representation of a column kind, or says which cells do not fit.

A cell is missing when it is None, NaN, NaT or pandas.NA, and an infinite number is missing too, as it is in an uploaded
file. Nothing is guessed: a cell that could mean two things, such as the number 1 where the model has learned the
category "1", does not fit.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.missing_words import MARKS, NO_VALUE

MISSING_WORDS = frozenset((*NO_VALUE, *MARKS))
NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
UNSEEN = -2
BOOLEAN = "is a boolean, and the model has learned numbers"
Cells = NDArray[Any]


@dataclass(slots=True)
class Misfits:
    """The cells that do not fit, by reason: how many there are, and the first one."""

    found: dict[str, tuple[int, int, object]] = field(default_factory=dict)  # reason: (count, first row, its value)

    def add(self, reason: str, row: int, value: object, *, count: int = 1) -> None:
        """Count a cell, or `count` cells of which `row` is the first."""
        before = self.found.get(reason)
        self.found[reason] = (count, row, value) if before is None else (before[0] + count, *before[1:])


def is_missing_cell(value: object) -> bool:
    """Whether a Python object is one of the forms of a missing value."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    if isinstance(value, np.datetime64):
        return bool(np.isnat(value))
    return isinstance(value, Decimal) and value.is_nan()


def numbers(cells: Cells, misfits: Misfits) -> NDArray[np.float64]:
    """float64 of the shape of `cells`, NaN for missing; plain numbers as text are read, such as "31" and "-1.5e3"."""
    if cells.dtype.kind in "iuf":
        found = cells.astype(np.float64)
    elif cells.dtype.kind == "b" and len(cells):
        misfits.add(BOOLEAN, 0, bool(cells[0]), count=len(cells))
        return np.full(len(cells), np.nan)
    else:
        found = each_cell(cells, _number, misfits, missing=np.nan, dtype=np.float64)
    found[np.isinf(found)] = np.nan
    return found


def _number(value: object) -> float | str:
    if isinstance(value, bool | np.bool_):
        return BOOLEAN
    if isinstance(value, int | float | np.integer | np.floating | Decimal | Fraction):
        try:
            return float(value)
        except OverflowError:
            return np.inf
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING_WORDS:
            return np.nan
        return float(text) if NUMBER.fullmatch(text) else "is not a plain number such as 1234.5"
    return "is not a number"


def booleans(cells: Cells, misfits: Misfits) -> NDArray[np.int8]:
    """int8 of the shape of `cells`: 0, 1, and -1 for missing; the numbers 0 and 1 and the words true and false fit."""
    if cells.dtype.kind == "b":
        return cells.astype(np.int8)
    return each_cell(cells, _boolean, misfits, missing=-1, dtype=np.int8)


def _boolean(value: object) -> int | str:
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING_WORDS:
            return -1
        return {"true": 1, "false": 0}.get(text.lower(), "is not true or false")
    if isinstance(value, bool | np.bool_ | int | float | np.integer | np.floating) and value in (0, 1):
        return int(value)
    return "is not true or false"


def category_codes(cells: Cells, known: Mapping[str, int], misfits: Misfits) -> NDArray[np.int32]:
    """int32 codes of the shape of `cells` by `known`, -1 for missing, `UNSEEN` for a text that is not known."""

    def code(value: object) -> int | str:
        if not isinstance(value, str):
            kind = "boolean" if isinstance(value, bool | np.bool_) else "number" if is_number(value) else "value"
            return f"is a {kind}, and the model has learned categories as text: read the column as text"
        if value.strip() in known:
            return "has spaces around a category that the model knows: strip them"
        return UNSEEN

    try:
        found = [known.get(value) for value in cells.tolist()]
    except TypeError:  # a list or another value that cannot be looked up
        found = [known.get(value) if isinstance(value, str) else None for value in cells.tolist()]
    codes = np.array([-1 if value is None else value for value in found], dtype=np.int32)
    others = np.flatnonzero(codes < 0)
    codes[others] = each_cell(cells[others], code, misfits, missing=-1, dtype=np.int32, rows=others)
    return codes


def is_number(value: object) -> bool:
    """Whether a Python object is a real number; a boolean is not."""
    return isinstance(value, int | float | np.integer | np.floating | Decimal) and not isinstance(value, bool)


def each_cell(
    cells: Cells,
    convert: Callable[[Any], Any],
    misfits: Misfits,
    *,
    missing: float,
    dtype: type[np.generic],
    rows: NDArray[np.int64] | None = None,
) -> NDArray[Any]:
    """What `convert` makes of each cell that is not missing; a text that it returns says why the cell does not fit.

    rows: the row of each cell, their positions by default.
    """
    found = np.full(len(cells), missing, dtype=dtype)
    for at, value in enumerate(cells.tolist() if cells.dtype.kind != "O" else cells):
        if is_missing_cell(value):
            continue
        converted = convert(value)
        if isinstance(converted, str):
            misfits.add(converted, at if rows is None else int(rows[at]), value)
        else:
            found[at] = converted
    return found
