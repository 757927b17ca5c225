"""Rate limits: a burst, then a steady rate, for each name alone."""

import pytest

from ml_training.domain import token_bucket
from ml_training.domain.token_bucket import TokenBuckets


def test_a_burst_is_let_through_and_then_a_steady_rate() -> None:
    buckets = TokenBuckets(rate=2.0, burst=3.0)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.take("b", 0.0) == 0.0
    assert buckets.take("a", 0.4) == pytest.approx(0.1)
    assert [buckets.take("a", 0.5), buckets.take("a", 0.5)] == [0.0, 0.5]
    assert [buckets.take("a", 1_000.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_names_that_were_not_used_for_long_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_bucket, "MOST_NAMES", 2)
    buckets = TokenBuckets(rate=1.0, burst=1.0)
    assert [buckets.take(name, 0.0) for name in ("a", "b", "a", "c", "b")] == [0.0, 0.0, 1.0, 0.0, 0.0]
    assert len(buckets._buckets) == 2
