"""Histogram bounds in seconds, and the one rule for placing a value; the ledger's triggers follow it too."""

from bisect import bisect_left

DURATION_BUCKETS = (0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0)
WAIT_BUCKETS = (0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0)
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)


def bucket_of(seconds: float, bounds: tuple[float, ...]) -> int:
    """The index of the first bound >= seconds (`le` is inclusive); len(bounds) is +Inf."""
    return bisect_left(bounds, seconds)
