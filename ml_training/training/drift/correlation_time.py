"""How many rows that follow each other say as much as one row does.

The integrated autocorrelation time 1 + 2 * sum of rho(k), up to the first lag that is 5 times the sum so far (Sokal,
"Monte Carlo Methods in Statistical Mechanics", 1997, section 3). A mean of n such rows varies like one of n / time
independent rows.
"""

import numpy as np
from numpy.typing import NDArray

WINDOW = 5
MOST_SERIES = 12  # of a feature with many categories: the largest ones
Array = NDArray[np.float64]


def correlation_time(series: Array) -> float:
    """The longest time of some series, in rows, at least 1; series: (rows, series), constant ones do not count.

    Values that only rise give a time that grows with their number: they are never independent.
    """
    rows = len(series)
    if rows < 2:
        return 1.0
    centred = series - series.mean(axis=0)
    spectrum = np.fft.rfft(centred, n=1 << (2 * rows - 1).bit_length(), axis=0)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[:rows]
    covariance = covariance[:, covariance[0] > 1e-9 * rows]
    if not covariance.size:
        return 1.0
    times = 2 * np.cumsum(covariance / covariance[0], axis=0) - 1
    beyond = np.arange(rows)[:, None] >= WINDOW * times
    at = np.where(beyond.any(axis=0), beyond.argmax(axis=0), rows - 1)
    return max(1.0, float(times[at, np.arange(len(at))].max()))


def series_of(bins: NDArray[np.int64], *, count: int, is_number: bool) -> Array:
    """What a feature's bins say of each row, as series whose means the index is about; bins: of the rows in order.

    For numbers the level, how far it is from the middle, and whether the value is missing; for categories whether it is
    this one.
    """
    if is_number:
        middle = (count - 2) / 2
        level = np.where(bins == count - 1, middle, bins) - middle
        return np.column_stack([level, np.abs(level), bins == count - 1]).astype(np.float64)
    largest = np.argsort(-np.bincount(bins, minlength=count), kind="stable")[:MOST_SERIES]
    of_categories: Array = (bins[:, None] == largest).astype(np.float64)
    return of_categories
