"""The counts of all API processes, added up: none is lost when its process ends, none is counted twice."""

from typing import Any, cast

import pytest

from exporter.collectors.api import MAX_ROUTES, ApiCollector
from exporter.collectors.processes import MAX_PROCESSES
from ml_training.db.stats import HeartbeatRow, Stats
from ml_training.domain.api_keys import Refusal
from ml_training.domain.histogram_buckets import REQUEST_BUCKETS
from ml_training.domain.rejection_reasons import RejectionReason
from tests.support.exporter import Series

NOW = 1_800_000_000.0
JOBS = "/api/v1/jobs"


class Rows:
    """Stands for the database's answer."""

    def __init__(self, *rows: HeartbeatRow) -> None:
        self._rows = rows

    def heartbeats(self, *, within: float, limit: int) -> tuple[HeartbeatRow, ...]:
        return self._rows[:limit]


def body(served: int, *, refused: int = 0, since: float = NOW - 100, route: str = JOBS) -> dict[str, Any]:
    """A report of requests that took 0.2 s each."""
    buckets = [served if bound == 0.25 else 0 for bound in (*REQUEST_BUCKETS, None)]
    return {
        "counting_since": since,
        "requests": {f"POST {route} 202": served},
        "durations": {route: {"buckets": buckets, "sum": 0.2 * served}},
        "duration_bounds": list(REQUEST_BUCKETS),
        "rejected": {"invalid": refused},
    }


def beat(report: Any, *, process: str = "api@host-1", at: float = NOW) -> HeartbeatRow:
    return HeartbeatRow(process, "api", at, report)


def page(api: ApiCollector, *rows: HeartbeatRow) -> Series:
    return Series(b"".join(api.collect(cast(Stats, Rows(*rows)))(NOW).values()).decode())


def served(series: Series) -> float:
    return series.value("ml_api_requests_total", route=JOBS, method="POST", code="202")


def test_the_processes_are_added_up() -> None:
    series = page(ApiCollector(), beat(body(3, refused=1)), beat(body(4), process="api@host-2"))
    assert served(series) == 7
    assert series.value("ml_jobs_rejected_total", reason="invalid") == 1
    assert series.value("ml_api_request_duration_seconds_count", route=JOBS) == 7
    assert series.value("ml_api_request_duration_seconds_bucket", route=JOBS, le="0.1") == 0
    assert series.value("ml_api_request_duration_seconds_bucket", route=JOBS, le="0.25") == 7
    assert series.value("ml_api_request_duration_seconds_sum", route=JOBS) == pytest.approx(1.4)


def test_a_beat_that_was_read_before_counts_once() -> None:
    api = ApiCollector()
    for _ in range(3):
        assert served(page(api, beat(body(3)))) == 3
    assert served(page(api, beat(body(5), at=NOW + 5))) == 5


def test_what_a_dead_process_had_served_stays() -> None:
    api = ApiCollector()
    page(api, beat(body(3)), beat(body(4), process="api@host-2"))
    assert served(page(api, beat(body(5), at=NOW + 5))) == 9
    assert served(page(api)) == 9


def test_a_process_that_starts_again_under_its_old_name_is_counted_from_zero() -> None:
    api = ApiCollector()
    page(api, beat(body(3)))
    assert served(page(api, beat(body(1, since=NOW), at=NOW + 5))) == 4
    assert served(page(api, beat(body(9, since=NOW), at=NOW + 10))) == 12


def test_a_row_that_comes_back_after_an_outage_is_not_counted_again() -> None:
    api = ApiCollector()
    page(api, beat(body(3)))
    page(api)
    assert served(page(api, beat(body(4), at=NOW + 900))) == 4


def test_the_memory_of_dead_processes_is_bounded() -> None:
    api = ApiCollector()
    for number in range(3 * MAX_PROCESSES):
        series = page(api, beat(body(1), process=f"api@host-{number}"))
    assert served(series) == 3 * MAX_PROCESSES
    assert len(api._last) == 2 * MAX_PROCESSES


def test_every_reason_starts_at_zero() -> None:
    assert page(ApiCollector()).labels("ml_jobs_rejected_total", "reason") == set(RejectionReason)
    assert page(ApiCollector()).labels("ml_api_unauthenticated_total", "reason") == set(Refusal)


def test_too_many_routes_are_cut_and_counted() -> None:
    api = ApiCollector()
    rows = [beat(body(1, route=f"/{number}"), process=f"api@host-{number}") for number in range(MAX_ROUTES + 5)]
    series = page(api, *rows)
    assert len(series.labels("ml_api_requests_total", "route")) == MAX_ROUTES
    assert api.dropped > 0


STRANGE: list[Any] = [
    None,
    [],
    {"requests": [], "durations": [], "rejected": 7},
    {"requests": {"POST": 1, 'GET /a"} 1 200': 1, "GET /a 999": 1, "GET /a 200": "1", "GET /b 200": -1}},
    {"requests": {"GET /a 200": 10**400, "GET /b\n 200": 1}, "counting_since": []},
    {"durations": {JOBS: {"buckets": [1], "sum": 1}}, "duration_bounds": list(REQUEST_BUCKETS)},
    {"durations": {JOBS: {"buckets": [1] * 12, "sum": "x"}}, "duration_bounds": list(REQUEST_BUCKETS)},
    {"durations": {JOBS: {"buckets": [1] * 12, "sum": 1.0}}, "duration_bounds": [1, 2]},
    {"durations": {JOBS: 3}, "duration_bounds": list(REQUEST_BUCKETS)},
]


@pytest.mark.parametrize("report", STRANGE, ids=range(len(STRANGE)))
def test_a_report_that_makes_no_sense_is_absent(report: Any) -> None:
    series = page(ApiCollector(), beat(report))
    assert "ml_api_requests_total" not in series
    assert "ml_api_request_duration_seconds_count" not in series


def test_a_reason_that_nobody_knows_is_other() -> None:
    series = page(ApiCollector(), beat({"rejected": {'x"} 1\n': 2, "invalid": 1}}))
    assert series.value("ml_jobs_rejected_total", reason="other") == 2


def test_requests_without_a_valid_key_are_added_up_by_reason() -> None:
    series = page(ApiCollector(), beat({"unauthenticated": {"wrong": 3, 'x"} 1\n': 1}}))
    assert series.value("ml_api_unauthenticated_total", reason="wrong") == 3
    assert series.value("ml_api_unauthenticated_total", reason="other") == 1
