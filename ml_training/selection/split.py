"""Splits of rows, at random or in time; equal input and seed give equal splits on every machine."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


def holdout(
    y: NDArray[Any], *, share: float, stratified: bool, seed: int | tuple[int, ...]
) -> tuple[Positions, Positions]:
    """Positions into `y` that stay and that are held out, each ascending.

    Plain: round(share * n) rows, at least 1 and at most n - 1, are drawn without replacement.
    Stratified (`y` holds class codes from 0): the same total is divided over the classes in proportion to their
    rows by largest remainder (ties: the lower class first), and never takes the last row of a class, so that every
    class stays in training and a class of one row is not held out at all; then each class draws, in class order.
    Nothing is held out when no class has two rows.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    out = np.zeros(len(y), dtype=np.bool_)
    if stratified:
        out[_draw_by_class(y, rng, share=share)] = True
    else:
        take = min(max(1, _rounded(len(y) * share)), len(y) - 1)
        out[rng.choice(len(y), size=take, replace=False, shuffle=False)] = True
    return np.flatnonzero(~out).astype(np.int64, copy=False), np.flatnonzero(out).astype(np.int64, copy=False)


def held_out_counts(counts: NDArray[np.int64], *, share: float) -> NDArray[np.int64]:
    """How many rows of each class are held out (see `holdout`)."""
    room = np.maximum(counts - 1, 0)
    total = min(max(1, _rounded(float(counts.sum()) * share)), int(room.sum()))
    ideal = counts * share
    take: NDArray[np.int64] = np.minimum(np.floor(ideal).astype(np.int64), room)
    while (rest := total - int(take.sum())) > 0:
        largest_remainder_first = np.argsort(take - ideal, kind="stable")
        with_room = largest_remainder_first[(take < room)[largest_remainder_first]]
        take[with_room[:rest]] += 1
    return take


def parts(y: NDArray[Any], *, count: int, stratified: bool, seed: int | tuple[int, ...]) -> NDArray[np.int64]:
    """Which of `count` parts each row of `y` belongs to, drawn at random; their sizes differ by one at most.

    Stratified (`y` holds class codes): so do the rows of each class in them.
    """
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(y))
    if stratified:
        order = order[np.argsort(y[order], kind="stable")]
    part = np.empty(len(y), dtype=np.int64)
    part[order] = np.arange(len(y)) % count
    return part


def time_cuts(times: NDArray[np.int64], ranks: Sequence[int]) -> NDArray[np.int64]:
    """The times at these ranks (ascending, from 0): what lies before a cut is earlier than it, whatever repeats."""
    cuts: NDArray[np.int64] = np.partition(times, ranks)[list(ranks)]
    return cuts


def last_in_time(times: NDArray[np.int64], *, share: float) -> int | None:
    """The time from which on about `share` of the rows lie, later than the first one; None when all times are equal.

    Rows of equal time are never torn apart: the later part may be larger than asked for.
    """
    take = min(max(1, _rounded(len(times) * share)), len(times) - 1)
    cut = int(time_cuts(times, [len(times) - take])[0])
    if cut > times.min():
        return cut
    later = times[times > cut]
    return int(later.min()) if len(later) else None


def _draw_by_class(y: NDArray[Any], rng: np.random.Generator, *, share: float) -> Positions:
    counts = np.bincount(y)
    # 16-bit keys make the stable sort a radix sort: a million rows in a few milliseconds.
    narrow = y.astype(np.uint16) if len(counts) <= np.iinfo(np.uint16).max else y
    by_class = np.argsort(narrow, kind="stable")
    starts = np.cumsum(counts) - counts
    picks = [
        start + rng.choice(count, size=take, replace=False, shuffle=False)
        for start, count, take in zip(starts, counts, held_out_counts(counts, share=share), strict=True)
    ]
    drawn: Positions = by_class[np.concatenate(picks)]
    return drawn


def _rounded(value: float) -> int:
    return int(value + 0.5)  # half up, not to even: 2.5 rows are 3
