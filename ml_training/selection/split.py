"""Splits rows at random; equal input and seed give equal splits on every machine."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


def holdout(
    y: NDArray[Any], *, share: float, stratified: bool, seed: int | tuple[int, ...]
) -> tuple[Positions, Positions]:
    """Positions into `y` of the rows that stay and of the rows that are held out, each ascending.

    Plain: round(share * n) rows, at least 1 and at most n - 1, are drawn without replacement.
    Stratified (`y` holds class codes from 0): the same total is divided over the classes in proportion to their
    rows by the largest remainder method (ties: the lower class first). It never takes the last row of a class, so
    every class stays in training and a class of one row is not held out. Then each class draws, in class order.
    Nothing is held out when no class has two rows, or when there is only one row.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    out = np.zeros(len(y), dtype=np.bool_)
    if stratified:
        out[_draw_by_class(y, rng, share=share)] = True
    else:
        [take] = held_out_counts(np.array([len(y)]), share=share)
        out[rng.choice(len(y), size=take, replace=False, shuffle=False)] = True
    return np.flatnonzero(~out).astype(np.int64, copy=False), np.flatnonzero(out).astype(np.int64, copy=False)


def held_out_counts(counts: NDArray[np.int64], *, share: float) -> NDArray[np.int64]:
    """How many rows of each class are held out (see `holdout`)."""
    available = np.maximum(counts - 1, 0)
    total = min(max(1, round_half_up(float(counts.sum()) * share)), int(available.sum()))
    ideal = counts * share
    take: NDArray[np.int64] = np.minimum(np.floor(ideal).astype(np.int64), available)
    while (rest := total - int(take.sum())) > 0:
        largest_remainder_first = np.argsort(take - ideal, kind="stable")
        may_take_more = largest_remainder_first[(take < available)[largest_remainder_first]]
        take[may_take_more[:rest]] += 1
    return take


def assign_parts(y: NDArray[Any], *, count: int, stratified: bool, seed: int | tuple[int, ...]) -> NDArray[np.int64]:
    """The number of the part, of `count`, for each row of `y`, drawn at random; part sizes differ by at most one.

    Stratified (`y` holds class codes): the rows of each class are divided as evenly.
    """
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(y))
    if stratified:
        order = order[np.argsort(y[order], kind="stable")]
    part = np.empty(len(y), dtype=np.int64)
    part[order] = np.arange(len(y)) % count
    return part


def part_counts(counts: NDArray[np.int64], *, count: int) -> NDArray[np.int64]:
    """How many rows of each class (second axis) belong to each part (first axis), for any seed."""
    ends = np.cumsum(counts)
    number = np.arange(count)[:, None]
    return (ends - number + count - 1) // count - (ends - counts - number + count - 1) // count


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


def round_half_up(value: float) -> int:
    """Round half up, not to even: 2.5 rows are 3."""
    return int(value + 0.5)
