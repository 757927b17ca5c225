"""Says what is odd about a column that was read: words among numbers, dates of several forms, ids, no information."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from ml_training.domain.dataset_warnings import WarningCode, warning
from ml_training.inference.missing_words import MARKS
from ml_training.selection.index import ColumnKind, IndexColumn
from ml_training.tabular.convert import Converted
from ml_training.tabular.date_forms import LIKE_A_DATE
from ml_training.tabular.number_text import LIKE_A_NUMBER
from ml_training.tabular.text_column import TextColumn

SHOWN = 3
EXACT = 2**53  # a float64 keeps each whole number up to this one
MANY_DIGITS = "^[^0-9]*[0-9](?:[., ']?[0-9]){15,}$"
FEWEST_ROWS_OF_IDS = 20  # fewer rows are often all different by chance
Warnings = list[dict[str, Any]]
Found = list[tuple[int, str]]


def column_warnings(
    converted: Converted, text: TextColumn | None, profile: Mapping[str, Any], *, pointer: str, first_row: int
) -> Warnings:
    """What is odd about a column; `text`: the column in the file if it is text, `profile`: its profile."""
    name = converted.column.name
    decided = converted.reading.decided
    found = [
        (code, detail)
        for code, detail in (
            *_values(profile, len_rows=_rows(converted, text), converted=converted),
            *_decisions(decided, converted, text, profile),
            *_words(converted, text, first_row=first_row),
        )
        if detail
    ]
    return [warning(code, pointer, f"column {name!r}: {detail}") for code, detail in found]


def _rows(converted: Converted, text: TextColumn | None) -> int:
    if converted.column.values is not None:
        return len(converted.column.values)
    return 0 if text is None else len(text)


def _values(profile: Mapping[str, Any], *, len_rows: int, converted: Converted) -> list[tuple[WarningCode, str]]:
    """Columns from which nothing is learned, and ids."""
    if profile["nulls"] == len_rows:
        return [(WarningCode.EMPTY_COLUMN, "all values are missing")]
    if profile["distinct"] == 1 and len_rows > 1:
        return [(WarningCode.CONSTANT_COLUMN, "all values are equal")]
    is_id = len_rows >= FEWEST_ROWS_OF_IDS and _is_id(profile, converted, len_rows)
    detail = "each row has its own value, as ids and row numbers have: a model cannot learn from it for new rows"
    return [(WarningCode.ID_COLUMN, detail if is_id else "")]


def _is_id(profile: Mapping[str, Any], converted: Converted, rows: int) -> bool:
    column = converted.column
    if column.kind not in (ColumnKind.INTEGER, ColumnKind.CATEGORY, ColumnKind.TEXT) or profile["nulls"]:
        return False
    if profile["distinct"] is not None:
        return bool(profile["distinct"] == rows)
    if column.values is None or column.kind is not ColumnKind.INTEGER:
        return False
    steps = np.diff(column.values[:1_000])
    if not (steps.all() and len(np.unique(column.values[:20_000])) == min(rows, 20_000)):
        return False
    return len(np.unique(column.values)) == rows


def _decisions(
    decided: Mapping[str, Any], converted: Converted, text: TextColumn | None, profile: Mapping[str, Any]
) -> list[tuple[WarningCode, str]]:
    infinite = converted.infinite
    return [
        (WarningCode.UNCLEAR_DATES, str(decided.get("unclear_dates", ""))),
        (
            WarningCode.LEADING_ZEROS,
            "whole numbers begin with 0, as codes do: they remain text" if "leading_zeros" in decided else "",
        ),
        (
            WarningCode.ROUNDED_INTEGERS,
            "whole numbers beyond 2^53 are rounded: if they are ids, exclude the column"
            if _is_rounded(converted, text, profile)
            else "",
        ),
        (WarningCode.INFINITE, f"{infinite:,} infinite values are missing values now" if infinite else ""),
        (
            WarningCode.INTEGER_TIME,
            "whole numbers are read as seconds: one unit is 1 s in horizons and windows"
            if decided.get("date_format") == "integer"
            else "",
        ),
    ]


def _is_rounded(converted: Converted, text: TextColumn | None, profile: Mapping[str, Any]) -> bool:
    """Whether a number column has whole numbers that a float cannot keep, written with all their digits."""
    if converted.column.kind is not ColumnKind.NUMBER or profile["max"] is None:
        return False
    if max(-profile["min"], profile["max"]) < EXACT:
        return False
    if text is None:
        return bool(converted.reading.decided.get("integers"))
    return any(text.parts(lambda part: pc.any(pc.match_substring_regex(part, MANY_DIGITS)).as_py()))


def _words(converted: Converted, text: TextColumn | None, *, first_row: int) -> list[tuple[WarningCode, str]]:
    """Numbers and dates that remained text."""
    column = converted.column
    if column.kind not in (ColumnKind.CATEGORY, ColumnKind.TEXT):
        return []
    if column.kind is ColumnKind.CATEGORY and column.values is not None:
        return _categories(column, column.values, converted, first_row=first_row)
    return [] if text is None else _free_text(text, converted, first_row=first_row)


def _categories(
    column: IndexColumn, codes: NDArray[Any], converted: Converted, *, first_row: int
) -> list[tuple[WarningCode, str]]:
    words = pa.array(column.categories, pa.string())
    counts = np.bincount(codes[codes >= 0], minlength=len(words))

    def others(is_like: NDArray[np.bool_]) -> Found:
        places = np.flatnonzero(np.isin(codes, np.flatnonzero(~is_like)))[:SHOWN]
        return [(int(place), column.categories[codes[place]]) for place in places]

    found = []
    for code, pattern in ((WarningCode.LOOKS_NUMERIC, LIKE_A_NUMBER), (WarningCode.MIXED_DATES, LIKE_A_DATE)):
        is_like = _matches(words, pattern)
        like, whole = int(counts[is_like].sum()), int(counts.sum())
        found.append((code, _mostly(code, like, whole, lambda: others(is_like), converted, first_row)))  # noqa: B023
    marks = {word: int(counts[place]) for place, word in enumerate(column.categories) if word in MARKS}
    shown = ", ".join(f"{word!r} ({count:,})" for word, count in marks.items())
    detail = f"{shown} remain values of their own: name them in missing_values if they mean a missing value"
    return [*found, (WarningCode.MISSING_MARK, detail if marks else "")]


def _free_text(text: TextColumn, converted: Converted, *, first_row: int) -> list[tuple[WarningCode, str]]:
    patterns = ((WarningCode.LOOKS_NUMERIC, LIKE_A_NUMBER), (WarningCode.MIXED_DATES, LIKE_A_DATE))

    def counted(part: Any) -> list[int]:
        present = part.drop_null()
        return [len(present), *(int(_matches(present, pattern).sum()) for _, pattern in patterns)]

    whole, *likes = (int(total) for total in np.sum(list(text.parts(counted)), axis=0))
    found = []
    for (code, pattern), like in zip(patterns, likes, strict=True):

        def others(pattern: str = pattern) -> Found:
            return text.first_rows(lambda part: pc.invert(pc.match_substring_regex(part, pattern)), at_most=SHOWN)

        found.append((code, _mostly(code, like, whole, others, converted, first_row)))
    return found


def _matches(words: Any, pattern: str) -> NDArray[np.bool_]:
    matches: NDArray[np.bool_] = pc.match_substring_regex(words, pattern).to_numpy(zero_copy_only=False)
    return matches.astype(np.bool_)


def _mostly(
    code: WarningCode, like: int, whole: int, others: Callable[[], Found], converted: Converted, first_row: int
) -> str:
    """The detail of a warning if most values look like numbers or dates; nothing if they do not."""
    if (
        like <= whole / 2
        or "leading_zeros" in converted.reading.decided
        or "unclear_dates" in converted.reading.decided
    ):
        return ""
    what = "numbers" if code is WarningCode.LOOKS_NUMERIC else "dates"
    if like == whole:
        return f"all {whole:,} values look like {what}, but not of one form: they remain text"
    shown = ", ".join(f"{word[:40]!r} in row {place + first_row:,}" for place, word in others())
    return f"{like:,} of {whole:,} values look like {what}, the others do not (first {shown}): they remain text"


def is_text(values: Any) -> bool:
    """Whether a column of a file is text, so that its words can be looked at."""
    return bool(pt.is_string(values.type))
