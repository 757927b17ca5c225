"""Splits of rows at random; equal input and seed give equal splits on every machine."""

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
    Nothing is held out when no class has two rows, or when there is but one row.
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
    room = np.maximum(counts - 1, 0)
    total = min(max(1, rounded(float(counts.sum()) * share)), int(room.sum()))
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


def part_counts(counts: NDArray[np.int64], *, count: int) -> NDArray[np.int64]:
    """How many rows of each class (second axis) belong to each part (first axis) of `parts`, whatever the seed."""
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


def rounded(value: float) -> int:
    """Half up, not to even: 2.5 rows are 3."""
    return int(value + 0.5)
