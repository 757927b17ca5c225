"""Permutation tests that exchange whole blocks of rows between both sides.

Good, "Permutation, Parametric and Bootstrap Tests of Hypotheses", 2005. Where rows of a block depend on each other, the
blocks are what may be exchanged. The statistics are functions of counts, so that a permutation is a matrix product.
"""

import numpy as np
from numpy.typing import NDArray

from ml_training.training.drift.distances import psi

PERMUTATIONS = 500
STREAM = 7  # of random numbers
SIGNIFICANT = 0.05
BLOCKS = 20  # of the smaller side, where rows are independent
MOST_BLOCKS = 400  # of a side, at even distances, that are exchanged
LONGER = 5  # times the correlation time: the ends of a block depend on its neighbours, its middle does not
Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def block_rows(training: int, compared: int, *, time: float) -> int:
    """The length of a block; time: the correlation time.

    Lengths are powers of two times the shortest one, so that few of them are in use; no longer than the smaller side,
    for only blocks of equal length may be exchanged.
    """
    smaller = min(training, compared)
    length = max(1, smaller // BLOCKS)
    while length < min(LONGER * time, smaller):
        length *= 2
    return min(length, smaller)


def least_p_value(rows: int, *, time: float) -> float:
    """No p-value can be below the share of one independent piece of all rows, two correlation times long."""
    return 1 / (1 + rows / (2 * time))


def block_numbers(rows: int, *, length: int) -> Counts:
    """The block of each row: 0, 1, ..., each with almost equally many rows, at least `length` if there are as many."""
    return np.arange(rows) * max(1, rows // length) // rows


class ExchangedBlocks:
    """Draws which blocks belong to the compared side: once for each pair of numbers of blocks, for all features."""

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self._chosen: dict[tuple[int, int], Array] = {}

    def indices(self, training: Array, compared: Array) -> Array:
        """PSI as it is, then that of each permutation; training, compared: (blocks, bins) of counts."""
        both = np.concatenate([training, compared])
        exchanged = self._chosen_blocks(len(training), len(compared)) @ both
        total = both.sum(axis=0)
        return np.concatenate([[psi(training.sum(axis=0), compared.sum(axis=0))], psi(total - exchanged, exchanged)])

    def _chosen_blocks(self, training: int, compared: int) -> Array:
        """(permutations, blocks): 1 where a block is one of the compared ones."""
        key = training, compared
        if key not in self._chosen:
            random = np.random.Generator(np.random.PCG64((self._seed, STREAM)))
            order = np.argsort(random.random((PERMUTATIONS, training + compared)), axis=1)
            self._chosen[key] = (order < compared).astype(np.float64)
        return self._chosen[key]


def block_counts(bins: Counts, *, count: int, length: int) -> Array:
    """The rows of each bin in each block, (blocks, bins); at most MOST_BLOCKS blocks, at even distances."""
    blocks = max(1, len(bins) // length)
    table = np.bincount(block_numbers(len(bins), length=length) * count + bins, minlength=blocks * count)
    by_block = table.reshape(blocks, count).astype(np.float64)
    return by_block[np.linspace(0, blocks - 1, min(MOST_BLOCKS, blocks)).astype(np.int64)]


def p_value(indices: Array) -> float:
    """The share of permutations that are at least as far apart as the first index, which is what was found."""
    return float((1 + np.count_nonzero(indices[1:] >= indices[0] - 1e-12)) / len(indices))
