"""A bounded part of the rows of a data set, for looks at the data that must not read all of it."""

import numpy as np
from numpy.typing import NDArray

BLOCKS = 50  # a part of a memory map that is read costs a read of the disk: few long blocks, not many single rows


def sample_positions(count: int, *, at_most: int) -> NDArray[np.int64]:
    """Ascending positions below `count`: all of them, or `at_most` in blocks at even distances; always the same."""
    if count <= at_most:
        return np.arange(count, dtype=np.int64)
    length = max(1, at_most // BLOCKS)
    starts = np.linspace(0, count - length, num=at_most // length).astype(np.int64)
    return np.unique((starts[:, None] + np.arange(length)).ravel())
