"""Parses times from text, as microseconds since the epoch in UTC, and finds the rows that are not times.

The text is in the ISO 8601 profile of RFC 3339 with `T` or a space between date and time. A date alone means its
midnight, and a time without a zone is UTC. Digits beyond the microsecond are cut off. Either all rows of a column have
a zone or none has. Examples: `2026-01-31`, `2026-01-31 12:00`, `2026-01-31T12:00:00.5Z`, `2026-01-31T14:00:00+02:00`.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml_training.selection.index import TIME_MISSING

ZONED = pa.timestamp("us", "UTC")
UNZONED = pa.timestamp("us")
LIKE_A_TIME = re.compile(r"\d{4}-\d\d")
HAS_ZONE = re.compile(r"[T ].*([Zz]|[+-]\d\d:?\d\d)$")
UNZONED_SHAPE = r"^\d{4}-\d\d-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d+)?)?)?)?$"
ZONED_SHAPE = r"^\d{4}-\d\d-\d\d[T ]\d\d(:\d\d(:\d\d(\.\d+)?)?)?([Zz]|[+-]\d\d(:?\d\d)?)$"
FIRST = -62_135_596_800_000_000  # 0001-01-01T00:00:00Z: the first moment that Python can represent
LAST = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999Z


def time_parser(first: str) -> Callable[[Any], NDArray[np.int64]] | None:
    """What converts a part of a column of text, whose first value is `first`, as `to_micros`; None: it has no times.

    It raises pyarrow.ArrowInvalid for a value that is not a time, or has a zone where `first` has none.
    """
    return (lambda text: to_micros(_parsed(text, first))) if LIKE_A_TIME.match(first) else None


def _parsed(text: Any, first: str) -> Any:
    text = pc.replace_substring_regex(text, r"(\.\d{6})\d+", r"\1")
    return text.cast(ZONED if HAS_ZONE.search(first) else UNZONED)


def rows_without_time(text: Any, *, at_most: int) -> tuple[list[int], int]:
    """The first positions whose text is not a time, or whose zone differs from the first time's; and their number."""
    likely = text.filter(pc.match_substring_regex(text, f"^{LIKE_A_TIME.pattern}"))
    is_zoned = bool(len(likely)) and HAS_ZONE.search(first_value(likely)) is not None
    target = ZONED if is_zoned else UNZONED
    shaped = pc.match_substring_regex(text, ZONED_SHAPE if is_zoned else UNZONED_SHAPE)
    wrong = pc.invert(pc.fill_null(shaped, True)).to_numpy()
    # Few of those that look like times are none, such as 30 February: they are found by bisection.
    candidates = pc.replace_substring_regex(text, r"(\.\d{6})\d+", r"\1").filter(shaped)
    wrong[np.flatnonzero(pc.fill_null(shaped, False).to_numpy())[_without_time(candidates, target)]] = True
    return [int(row) for row in np.flatnonzero(wrong)[:at_most]], int(np.count_nonzero(wrong))


def _without_time(text: Any, target: Any) -> list[int]:
    found: list[int] = []
    parts = [(0, len(text))] if len(text) else []
    while parts:
        start, stop = parts.pop()
        if _parses(text.slice(start, stop - start), target):
            continue
        if stop - start == 1:
            found.append(start)
            continue
        middle = (start + stop) // 2
        parts += [(middle, stop), (start, middle)]
    return found


def to_micros(times: Any) -> NDArray[np.int64]:
    """int64 microseconds of dates or timestamps; TIME_MISSING for null and outside years 1 to 9999.

    Raises pyarrow.ArrowInvalid for values that overflow.
    """
    zone = getattr(times.type, "tz", None)
    target = pa.timestamp("us", zone)
    moments = pc.cast(times, options=pc.CastOptions(target, allow_time_truncate=True)).cast(pa.int64())
    micros: NDArray[np.int64] = np.asarray(moments.fill_null(TIME_MISSING))
    return np.where((micros >= FIRST) & (micros <= LAST), micros, TIME_MISSING)


def first_value(text: Any) -> str:
    """The first string that is not null; raises IndexError if all are null."""
    return str(text.drop_null()[0].as_py())


def _parses(text: Any, target: Any) -> bool:
    try:
        text.cast(target)
    except pa.ArrowInvalid:
        return False
    return True
