"""Draws splits that keep the rows of a group together: the rows of one patient are never learnt from and held out.

The parts of `group_k_fold` are filled with the largest group first, each into the part with the fewest rows: the LPT
rule (Graham, "Bounds on multiprocessing timing anomalies", SIAM Journal on Applied Mathematics 17, 1969), by which
scikit-learn's GroupKFold goes too.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.problems import Problems
from ml_training.domain.specs import TrainSpec
from ml_training.domain.validation import ByGroup
from ml_training.selection.column_names import no_column
from ml_training.selection.index import ColumnKind, SelectionIndex, is_missing
from ml_training.selection.labels import Labels
from ml_training.selection.split import Positions, round_half_up

SPAN_PER_ROW = 8  # of integers that are counted: their table takes 64 bytes for each row
POINTER = "/validation/group_column"
Groups = NDArray[np.int32]
"""The number of the group of each labelled row; numbers from 0."""


def group_name(spec: TrainSpec, index: SelectionIndex) -> str | None:
    """The column whose equal values are a group; None when the validation has no groups, or the data set none."""
    if not isinstance(spec.validation, ByGroup):
        return None
    return spec.validation.group_column or index.group_column


def rows_with_group(
    spec: TrainSpec, index: SelectionIndex, mask: NDArray[np.bool_], problems: Problems
) -> NDArray[np.bool_]:
    """The masked rows that have a group; adds a problem, and gives the mask back, when the column cannot be used."""
    name = group_name(spec, index)
    reason = _why_no_groups(spec, index, name)
    if name is not None and not reason:
        grouped = mask & ~is_missing(index.values(name), index.kind(name))
        if grouped.any():
            return grouped
        reason = f"column {name!r} has no value in the selected rows"
    problems.add(POINTER, reason)
    return mask


def _why_no_groups(spec: TrainSpec, index: SelectionIndex, name: str | None) -> str:
    if name is None:
        return "the data set has no group column: name a column here, or add the data set again with group_column"
    if name not in index:
        return no_column(index, name)
    if index.kind(name) is ColumnKind.TEXT:
        return f"column {name!r} is text: add the data set again with it as group_column"
    if name == spec.target.column:
        return f"column {name!r} is the target: name another column"
    return ""


def groups_of(spec: TrainSpec, index: SelectionIndex, labels: Labels) -> Groups | None:
    """The groups of the labelled rows; None when the validation has none."""
    name = group_name(spec, index)
    if name is None:
        return None
    return _numbered(index.stored(name)[labels.rows])


def _numbered(values: NDArray[Any]) -> Groups:
    """Equal values as equal numbers from 0, without a gap, in the order of the values."""
    if values.dtype.kind == "i":
        low = int(values.min())
        if int(values.max()) - low < SPAN_PER_ROW * len(values):  # counting is ten times as fast as sorting
            offsets = values.astype(np.int64) - low
            numbers = np.cumsum(np.bincount(offsets) > 0, dtype=np.int32) - 1
            return np.asarray(numbers[offsets], dtype=np.int32)
    return np.unique(values, return_inverse=True)[1].astype(np.int32)


def hold_groups_out(groups: Groups, *, share: float, seed: int | tuple[int, ...]) -> tuple[Positions, Positions]:
    """Positions of the rows that stay and of the rows that are held out, each ascending.

    The groups are put into a random order. Held out are the first ones, as many as bring their rows nearest to
    round(share * n). A group of twice as many rows or more is passed over; if all are that large, the smallest one is
    held out. At least one group stays, so nothing is held out of a single one.
    """
    order, sizes = _shuffled(groups, seed)
    wanted = max(1, round_half_up(len(groups) * share))
    chosen = order[sizes[order] < 2 * wanted][: len(order) - 1]
    if len(chosen):
        chosen = chosen[: 1 + int(np.argmin(np.abs(np.cumsum(sizes[chosen]) - wanted)))]
    elif len(order) > 1:
        chosen = order[[np.argmin(sizes[order])]]
    is_out = np.zeros(len(sizes), dtype=np.bool_)
    is_out[chosen] = True
    out = is_out[groups]
    return np.flatnonzero(~out).astype(np.int64, copy=False), np.flatnonzero(out).astype(np.int64, copy=False)


def assign_groups(groups: Groups, *, count: int, seed: int) -> NDArray[np.int64]:
    """The number of the part, of `count`, for each row; rows of a group have the same.

    See the module for the rule. The seed decides between groups of equal size; of equally large parts the first one is
    filled. No part is empty when there are `count` groups.
    """
    order, sizes = _shuffled(groups, seed)
    order = order[np.argsort(-sizes[order], kind="stable")]
    part = np.zeros(len(sizes), dtype=np.int64)
    loads = np.zeros(count, dtype=np.int64)
    for alike in _of_equal_size(order, sizes):
        size = int(sizes[alike[0]])
        part[alike] = _fill(loads, size=size, groups=len(alike))
        loads += size * np.bincount(part[alike], minlength=count)
    return part[groups]


def _shuffled(groups: Groups, seed: int | tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The groups that occur, in a random order, and the rows of each number."""
    sizes = np.bincount(groups)
    return np.random.Generator(np.random.PCG64(seed)).permutation(np.flatnonzero(sizes)), sizes


def _of_equal_size(order: NDArray[np.int64], sizes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Consecutive groups of the same size: few runs, since n rows have at most sqrt(2 n) different sizes."""
    ends = np.flatnonzero(np.diff(sizes[order])) + 1
    return iter(np.split(order, ends))


def _fill(loads: NDArray[np.int64], *, size: int, groups: int) -> NDArray[np.int64]:
    """The part of each of these groups of one size, one after the other into the part with the fewest rows.

    In one step: no part gets a group while it has more than an equal share of all rows, so each part has a known
    number of places, and the places with the fewest rows below them are taken first.
    """
    level = (int(loads.sum()) + size * groups) // len(loads)
    places = np.clip((level - loads) // size + 1, 0, groups)
    part = np.repeat(np.arange(len(loads)), places)
    number = np.arange(len(part)) - np.repeat(np.cumsum(places) - places, places)
    return part[np.lexsort((part, loads[part] + size * number))[:groups]]
