"""Reads whole numbers as times: years, dates without marks, seconds or milliseconds since 1970, or counts of a unit."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.selection.index import TIME_MISSING
from ml_training.tabular.date_forms import FIRST_YEAR, LAST_YEAR
from ml_training.tabular.parse_times import FIRST, LAST

SECOND = 1_000_000  # microseconds
# Times between 1973 and 2103: smaller numbers are counts of something else.
EPOCH_SECONDS = (100_000_000, 4_200_000_000)
EPOCH_MILLISECONDS = (100_000_000_000, 4_200_000_000_000)
COMPACT = (FIRST_YEAR * 10_000 + 101, LAST_YEAR * 10_000 + 1_231)


def times_from_numbers(
    values: NDArray[Any], date_format: str | None
) -> tuple[NDArray[np.int64], str, NDArray[np.intp]]:
    """int64 microseconds, how the numbers were read, and the positions of the numbers that are no times in this way.

    `values`: int64, or float64 with NaN for a missing value. `date_format`: as in the options, or None to find out: the
    reading in which all numbers are times between 1500 and 2500, else `integer`, one unit of which is one second.
    """
    present = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), dtype=np.bool_)
    found = date_format if date_format in _READERS else _likely(values[present])
    micros = np.full(len(values), TIME_MISSING, dtype=np.int64)
    micros[present], is_time = _READERS[found](values[present])
    return micros, found, np.flatnonzero(present)[~is_time]


def _likely(values: NDArray[Any]) -> str:
    low, high = values.min(), values.max()
    is_whole = bool(np.all(values == np.rint(values)))
    if is_whole and low >= FIRST_YEAR and high <= LAST_YEAR:
        return "year"
    if is_whole and COMPACT[0] <= low and high <= COMPACT[1] and _compact(values)[1].all():
        return "yyyymmdd"
    if EPOCH_SECONDS[0] <= low and high <= EPOCH_SECONDS[1]:
        return "epoch_seconds"
    if EPOCH_MILLISECONDS[0] <= low and high <= EPOCH_MILLISECONDS[1]:
        return "epoch_milliseconds"
    return "integer"


def _years(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    is_year = (values == np.rint(values)) & (values >= FIRST_YEAR) & (values <= LAST_YEAR)
    years = np.where(is_year, values, 1970).astype(np.int64)
    return (years - 1970).astype("M8[Y]").astype("M8[us]").astype(np.int64), is_year


def _compact(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    whole = np.where(values == np.rint(values), values, 0).astype(np.int64)
    years, months, days = whole // 10_000, whole // 100 % 100, whole % 100
    is_date = (months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)
    starts = ((np.where(is_date, years, 1970) - 1970) * 12 + np.where(is_date, months, 1) - 1).astype("M8[M]")
    dates = starts.astype("M8[D]") + (np.where(is_date, days, 1) - 1)
    return dates.astype("M8[us]").astype(np.int64), is_date & (dates.astype("M8[M]") == starts)


def _seconds(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    return _scaled(values, SECOND)


def _milliseconds(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    return _scaled(values, SECOND // 1_000)


def _scaled(values: NDArray[Any], unit: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    is_time = (values >= FIRST // unit) & (values <= LAST // unit)
    inside = np.where(is_time, values, 0)
    scaled = inside.astype(np.int64) * unit if inside.dtype.kind == "i" else np.rint(inside * unit).astype(np.int64)
    return scaled, is_time


_READERS = {
    "year": _years,
    "yyyymmdd": _compact,
    "epoch_seconds": _seconds,
    "epoch_milliseconds": _milliseconds,
    "integer": _seconds,
}
