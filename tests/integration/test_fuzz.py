"""Mutated raw requests to API and exporter; `make fuzz` sends many more."""

from pathlib import Path

import pytest

from tests.support.redis_server import RedisServer
from tools.fuzz.mutations import mutated
from tools.fuzz.run import fuzz, running_targets
from tools.fuzz.whole_requests import api_requests

REQUESTS = 1_500  # to each server
SEED = 7


def test_equal_seeds_give_equal_requests() -> None:
    first, again, other = (mutated(api_requests(), count=200, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len(set(first)) > 150


@pytest.mark.slow
def test_no_mutated_request_is_answered_500_or_takes_memory(
    tmp_path: Path, sqlite_template: bytes, redis_server: RedisServer
) -> None:
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    with running_targets(tmp_path, f"sqlite:///{tmp_path / 'jobs.db'}", redis_server.url) as targets:
        for target in targets:
            report = fuzz(target, requests=REQUESTS, seed=SEED)
            assert report.outcome.findings == []
            assert report.outcome.statuses[200] > 0
            assert report.outcome.statuses[400] > 0
            assert report.is_good
