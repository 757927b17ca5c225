"""Converts the cells of a user's time and group columns, from which the histories of the rows are made."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.cells import Cells, Misfits, each_cell, is_number
from ml_training.inference.columns import TIME_MISSING
from ml_training.inference.missing_words import NO_VALUE

MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FIRST_DAY, END_DAY = np.datetime64("0001-01-01"), np.datetime64("10000-01-01")  # Python's datetime represents no other
PER_MICROSECOND = {"us": 1, "ns": 1_000, "ps": 1_000_000}


def times(cells: Cells, misfits: Misfits) -> NDArray[np.int64]:
    """int64 microseconds since the epoch in UTC, `TIME_MISSING` for missing and outside the years 1 to 9999.

    A time without a zone is UTC. Digits beyond the microsecond are cut off. Text in the form of ISO 8601 is read.
    """
    if cells.dtype.kind == "M":
        return _microseconds(cells)
    zoned: set[bool] = set()

    def convert(value: object) -> int | str:
        moment = _moment(value)
        if isinstance(moment, str):
            return moment
        zoned.add(moment.tzinfo is not None)
        if len(zoned) > 1:
            return "differs from the times before: give all of them a zone, or none"
        in_utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (in_utc - EPOCH) // MICROSECOND

    return each_cell(cells, convert, misfits, missing=TIME_MISSING, dtype=np.int64)


def _microseconds(cells: Cells) -> NDArray[np.int64]:
    unit, factor = np.datetime_data(cells.dtype)
    if factor == 1 and unit in PER_MICROSECOND:
        units = cells.view(np.int64)
        cut = np.abs(units) // PER_MICROSECOND[unit] * np.sign(units)  # towards the epoch, as Arrow cuts
        return np.where(np.isnat(cells), TIME_MISSING, cut)
    inside = (cells >= FIRST_DAY) & (cells < END_DAY)  # false for NaT
    found = np.where(inside, cells, np.datetime64("NaT")).astype("datetime64[us]").view(np.int64)
    return np.where(inside, found, TIME_MISSING)


def _moment(value: Any) -> datetime | str:
    """The moment that a cell means, or why it means none."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, str):
        text = value.strip()
        try:
            value = datetime.fromisoformat(text) if MOMENT.fullmatch(text) else None
        except ValueError:
            value = None
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.fromisoformat(value.isoformat())  # its midnight
    return "is not a time: convert the column, for example with pandas.to_datetime"


def group_codes(cells: Cells, misfits: Misfits) -> NDArray[np.int64]:
    """int64 of the shape of `cells`: equal for rows of one group, and only for these; -1 for missing."""
    known: dict[object, int] = {}

    def convert(value: Any) -> int | str:
        if isinstance(value, str) and (value.strip() != value or value in NO_VALUE):
            return "can be read in two ways: strip spaces, and write a missing group as None"
        if not isinstance(value, str) and not (is_number(value) and float(value).is_integer()):
            return "is not a group: groups are whole numbers or text"
        key = value if isinstance(value, str) else int(value)
        if known and type(key) is not type(next(iter(known))):
            return "is of another type than the groups before: write all of them as numbers, or all as text"
        return known.setdefault(key, len(known))

    return each_cell(cells, convert, misfits, missing=-1, dtype=np.int64)
