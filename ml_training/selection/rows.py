"""Selects the rows of a data set that a job asks for: its time window and its phases."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.problems import Problems
from ml_training.selection.index import ColumnKind, SelectionIndex, is_missing

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
Phase = int | str
SHOWN = 10  # values listed in a message


def select_rows(
    index: SelectionIndex,
    *,
    part: str,
    phases: Sequence[Phase] | None,
    start: datetime | None,
    end: datetime | None,
    problems: Problems,
) -> NDArray[np.bool_]:
    """One True per row with start <= time < end and a wanted phase.

    `part` is "train", "test" or "": the prefix of the window's fields, `/train_start` or `/start`. A row without a
    time is in no window, a row without a phase is in no phase. When a filter is wrong, a problem is added and every
    row is selected, so that the target can still be checked: one answer names everything.
    """
    before = len(problems)
    mask = np.ones(index.rows, dtype=np.bool_)
    if start is not None or end is not None:
        mask &= _window(index, part=part, start=start, end=end, problems=problems)
    if phases is not None:
        mask &= _in_phases(index, phases, problems)
    if len(problems) == before and not mask.any():
        problems.add(_first_filter(part, phases, start), "no row of the data set is left by the filters")
    return mask if len(problems) == before else np.ones(index.rows, dtype=np.bool_)


def to_microseconds(moment: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    return (moment - EPOCH) // MICROSECOND


def list_as_json(values: Sequence[object]) -> str:
    """The first values as JSON, for a message.

    >>> list_as_json(["1", 1, True])
    '"1", 1, true'
    """
    shown = ", ".join(json.dumps(value, ensure_ascii=False) for value in values[:SHOWN])
    return shown + (f" and {len(values) - SHOWN} more" if len(values) > SHOWN else "")


def distinct_phases(index: SelectionIndex, column: str) -> list[Phase]:
    """The phases that occur in a column, sorted."""
    values, kind = index.values(column), index.kind(column)
    present = np.unique(values[~is_missing(values, kind)])
    if kind is ColumnKind.CATEGORY:
        categories = index.categories(column)
        return [categories[code] for code in present]
    return [int(value) for value in present]


def _window(
    index: SelectionIndex, *, part: str, start: datetime | None, end: datetime | None, problems: Problems
) -> NDArray[np.bool_]:
    if index.time_column is None:
        pointers = [_pointer(part, name) for name, moment in (("start", start), ("end", end)) if moment is not None]
        detail = "the data set has no time column: leave it out, or add the data set again with time_column"
        for pointer in pointers:
            problems.add(pointer, detail)
        return np.ones(index.rows, dtype=np.bool_)
    times = index.values(index.time_column)
    mask = ~is_missing(times, ColumnKind.TIME)
    if start is not None:
        mask &= times >= to_microseconds(start)
    if end is not None:
        mask &= times < to_microseconds(end)
    if not mask.any():
        problems.add(_first_filter(part, None, start), "the time window holds no row of the data set")
    return mask


def _in_phases(index: SelectionIndex, phases: Sequence[Phase], problems: Problems) -> NDArray[np.bool_]:
    column = index.phase_column
    if column is None:
        detail = "the data set has no phase column: leave it out, or add the data set again with phase_column"
        problems.add("/phases", detail)
        return np.ones(index.rows, dtype=np.bool_)
    values = index.values(column)
    codes = _phase_codes(index, column)
    mask = np.zeros(index.rows, dtype=np.bool_)
    unknown = []
    for number, phase in enumerate(phases):
        here = _equal(values, codes, phase)
        if here.any():
            mask |= here
        else:
            unknown.append((number, phase))
    if unknown:
        known = list_as_json(distinct_phases(index, column))
        for number, phase in unknown:
            detail = f"phase {list_as_json([phase])} does not occur in column {column!r}: {known}"
            problems.add(f"/phases/{number}", detail)
    return mask


def _phase_codes(index: SelectionIndex, column: str) -> dict[str, int] | None:
    """The code of each category; None when the column holds integers."""
    if index.kind(column) is not ColumnKind.CATEGORY:
        return None
    return {category: code for code, category in enumerate(index.categories(column))}


def _equal(values: NDArray[Any], codes: dict[str, int] | None, phase: Phase) -> NDArray[np.bool_]:
    # "1" is not 1: a phase is written as the profile of the data set shows it.
    wanted = codes.get(phase) if codes is not None and isinstance(phase, str) else phase
    if wanted is None or isinstance(wanted, str) or (codes is not None and isinstance(phase, int)):
        return np.zeros(values.shape, dtype=np.bool_)
    equal: NDArray[np.bool_] = values == wanted
    return equal


def _first_filter(part: str, phases: Sequence[Phase] | None, start: datetime | None) -> str:
    if phases is not None:
        return "/phases"
    return _pointer(part, "start" if start is not None else "end")


def _pointer(part: str, name: str) -> str:
    return f"/{part}_{name}" if part else f"/{name}"
