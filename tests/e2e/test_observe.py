"""A short `make observe`: the real service with a real Prometheus; every shipped query finds data."""

import os
from collections.abc import Iterator

import pytest

from tools.observe.checks import QueryCheck, check_service, run_query_check
from tools.observe.expressions import Expression, committed_dashboards
from tools.observe.observed_service import ObservedService, Programs, find_programs, observe_service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SECONDS = 30.0
GUIDE_QUERIES = {
    'sum(rate(ml_jobs_total{status="COMPLETED"}[5m])) / sum(rate(ml_jobs_total[5m]))',
    "avg(ml_job_duration_seconds)",
    "process_resident_memory_bytes / 1024 / 1024",
    "rate(process_cpu_seconds_total[5m]) * 100",
}


def programs() -> Programs:
    """The programs from PATH. A build machine must have them; elsewhere the test is skipped."""
    found = find_programs()
    if found is None and os.environ.get("CI") == "true" and os.geteuid() == 0:
        pytest.fail("prometheus is missing on the build machine: apt-get install prometheus")
    if found is None:
        pytest.skip(reason="prometheus and promtool are not on PATH (Debian: apt-get install prometheus)")
    return found


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObservedService]:
    """The service while it works on jobs."""
    with observe_service(tmp_path_factory.mktemp("observe"), programs(), seconds=SECONDS) as observed:
        yield observed


def test_every_query_of_dashboards_rules_and_guide_finds_data(observed: ObservedService) -> None:
    findings = check_service(observed)
    assert [finding for finding in findings if finding.problem] == []
    assert {*committed_dashboards(), "recording rules", "alerts", "metrics page"} <= {
        finding.group for finding in findings
    }
    assert {finding.query for finding in findings if finding.group == "README.de.md"} == GUIDE_QUERIES


@pytest.mark.parametrize(
    ("query", "problem"),
    [("nobody_exposes_this", "no data"), ("0 * ml_active_jobs / 0", "only NaN"), ("sum(", "parse error")],
)
def test_a_query_without_data_is_a_problem(observed: ObservedService, query: str, problem: str) -> None:
    query_check = QueryCheck("dashboard", Expression("panel", query, query, instant=True))
    assert problem in run_query_check(observed.prometheus, query_check).problem
