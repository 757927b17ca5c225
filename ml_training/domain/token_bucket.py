"""Rate limits in memory: each name has a bucket of tokens, which fills again at a steady rate."""

from collections import OrderedDict

MOST_NAMES = 10_000


class TokenBuckets:
    """A bucket of `burst` tokens for each name; not thread-safe. rate: tokens a second, above 0.

    At most MOST_NAMES buckets are kept; the one that was used longest ago goes first, and starts full again.
    """

    def __init__(self, *, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, now: float) -> float:
        """Take a token at `now`, in seconds of a clock that never goes back; 0, or the seconds until there is one."""
        left, at = self._buckets.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        wait = 0.0 if left >= 1 else (1 - left) / self._rate
        self._buckets[name] = (left - 1 if wait == 0 else left, now)
        if len(self._buckets) > MOST_NAMES:
            self._buckets.popitem(last=False)
        return wait
