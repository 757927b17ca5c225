"""How far two distributions are apart.

PSI, the population stability index: sum of (p - q) * ln(p / q) over bins (Siddiqi, "Credit Risk Scorecards", 2006);
half a row is added to each bin so that an empty one has no infinite share. Wasserstein-1: the mean distance that the
values have to move, in their own units. KS: the largest distance of both distribution functions.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from ml_training.training.scores import finite

Array = NDArray[np.float64]


def psi(first: Array, second: Array) -> Array:
    """The index of counts, along the last axis: (..., bins) and (..., bins) to (...)."""
    p, q = (_shares(counts) for counts in (first, second))
    found: Array = ((p - q) * np.log(p / q)).sum(axis=-1)
    return found


def _shares(counts: Array) -> Array:
    padded = counts + 0.5
    shares: Array = padded / padded.sum(axis=-1, keepdims=True)
    return shares


def wasserstein(first: Array, second: Array) -> float | None:
    """None when one side has no value, or the distance is beyond the range of float64."""
    if not len(first) or not len(second):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        return finite(float(wasserstein_distance(first, second)))


def kolmogorov_smirnov(first: Array, second: Array) -> float | None:
    """None when one side has no value."""
    if not len(first) or not len(second):
        return None
    a, b = np.sort(first), np.sort(second)
    both = np.concatenate([a, b])
    of_a, of_b = (np.searchsorted(one, both, side="right") / len(one) for one in (a, b))
    return float(np.abs(of_a - of_b).max())
