"""How many leaves a fully grown tree of a forest will have, from trees grown on a part of the rows.

The leaves of a tree depend on the data: two classes that one number tells apart need two, random classes one for each
row. The trees of this module are grown level by level, all nodes of a level at once, with a few random thresholds in
place of every possible one, so they have somewhat more leaves than those of the library. They only count: a tree of
5,000 rows takes some hundredths of a second, with NumPy alone.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.memory.facts import TreeGrowth

LEVELS = 64  # the deepest tree that is grown
MOST_TRIED = 16  # thresholds for each node


def tree_growth(x: NDArray[np.float64], y: NDArray[Any], *, tried: int, best: bool, seed: int = 0) -> TreeGrowth:
    """The growth for a sample: its features, (rows, features), NaN for missing, and its class codes or numbers.

    tried: features that the library tries at each node; best: whether it looks for the best threshold of each, or
    draws one.
    """
    random = np.random.default_rng(seed)
    # A missing value goes to one side, as if it were the largest number.
    filled = np.where(np.isnan(x), np.inf, x)
    codes = np.unique(y, return_inverse=True)[1].astype(np.int64)
    attempts = min(MOST_TRIED, max(1, tried) * (3 if best else 1))
    order = random.permutation(len(y))
    small, large = (_leaves(filled[part], codes[part], attempts, random) for part in (order[: len(y) // 4], order))
    exponent = np.log(max(1.0, large / max(small, 1))) / np.log(4.0) if len(y) >= 8 else 1.0
    return TreeGrowth(max(1, len(y)), large, float(min(1.0, exponent)))


def _leaves(x: NDArray[np.float64], y: NDArray[np.int64], attempts: int, random: np.random.Generator) -> int:
    rows, nodes = np.arange(len(y)), np.zeros(len(y), dtype=np.int64)
    leaves = 0
    for _ in range(LEVELS):
        if not len(rows):
            return leaves
        starts = np.flatnonzero(np.diff(nodes, prepend=-1))
        low, high = (of.reduceat(y[rows], starts) for of in (np.minimum, np.maximum))
        mixed = low != high
        leaves += int(np.count_nonzero(~mixed))
        kept = mixed[nodes]
        rows, nodes = rows[kept], (np.cumsum(mixed) - 1)[nodes[kept]]
        if len(rows):
            rows, nodes = _split(x, y, rows, nodes, attempts, random)
    return leaves + (int(nodes[-1]) + 1 if len(nodes) else 0)


def _split(
    x: NDArray[np.float64],
    y: NDArray[np.int64],
    rows: NDArray[np.int64],
    nodes: NDArray[np.int64],
    attempts: int,
    random: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows in the order of their new nodes, which are numbered from 0; a node without a split stays one."""
    starts = np.flatnonzero(np.diff(nodes, prepend=-1))
    sizes = np.diff(starts, append=len(rows))
    best = np.full(len(starts), -1.0)
    left = np.zeros(len(rows), dtype=bool)
    classes = int(y.max()) + 1
    for _ in range(attempts):
        values = x[rows, random.integers(0, x.shape[1], len(starts))[nodes]]
        threshold = values[starts + random.integers(0, sizes)]
        highest = np.maximum.reduceat(values, starts)
        lowest = np.minimum.reduceat(values, starts)
        threshold = np.where(threshold == highest, lowest, threshold)
        is_left = values <= threshold[nodes]
        purity = np.where(lowest < highest, _purity(nodes, is_left, y[rows], len(starts), classes), -1.0)
        better = purity > best
        best = np.where(better, purity, best)
        left = np.where(better[nodes], is_left, left)
    children = 2 * nodes + left
    order = np.argsort(children, kind="stable")
    return rows[order], np.unique(children[order], return_inverse=True)[1]


def _purity(
    nodes: NDArray[np.int64], is_left: NDArray[np.bool_], y: NDArray[np.int64], count: int, classes: int
) -> NDArray[np.float64]:
    """For each node the sum over its two sides of the squared counts of the classes by the rows: Gini, but for terms
    that do not depend on the split."""
    sides = 2 * nodes + is_left
    found, counts = np.unique(sides * classes + y, return_counts=True)
    squares = np.bincount(found // classes, weights=counts.astype(np.float64) ** 2, minlength=2 * count)
    sizes = np.bincount(sides, minlength=2 * count)
    return np.asarray((squares / np.maximum(sizes, 1)).reshape(count, 2).sum(axis=1))
