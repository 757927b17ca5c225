"""What is odd about a data set that is READY all the same: the codes of `warnings`, which docs/files.md describes."""

from enum import StrEnum
from typing import Any

MOST_WARNINGS = 1_000


class WarningCode(StrEnum):
    """One code for each kind of oddity."""

    LOOKS_NUMERIC = "looks_numeric"
    MIXED_DATES = "mixed_dates"
    UNCLEAR_DATES = "unclear_dates"
    LEADING_ZEROS = "leading_zeros"
    ROUNDED_INTEGERS = "rounded_integers"
    INFINITE = "infinite"
    MISSING_MARK = "missing_mark"
    MIXED_DECIMAL_MARKS = "mixed_decimal_marks"
    CONSTANT_COLUMN = "constant_column"
    EMPTY_COLUMN = "empty_column"
    ID_COLUMN = "id_column"
    INTEGER_TIME = "integer_time"
    GUESSED_ENCODING = "guessed_encoding"
    ODD_HEADER = "odd_header"


def warning(code: WarningCode, pointer: str, detail: str) -> dict[str, Any]:
    """One warning; `pointer` is a JSON pointer into the answer that shows the data set."""
    return {"code": code.value, "pointer": pointer, "detail": detail}
