"""`make observe` in small: the real service under a real Prometheus, and every shipped query finds data."""

import os
from collections.abc import Iterator

import pytest

from tests.observe.checks import Question, Run, ask, check
from tests.observe.expressions import Expression, dashboards
from tests.observe.run import Programs, find_programs, observed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SECONDS = 30.0
GUIDE = {
    'sum(rate(ml_jobs_total{status="COMPLETED"}[5m])) / sum(rate(ml_jobs_total[5m]))',
    "avg(ml_job_duration_seconds)",
    "process_resident_memory_bytes / 1024 / 1024",
    "rate(process_cpu_seconds_total[5m]) * 100",
}


def programs() -> Programs:
    """Of PATH; a build machine that could have installed them has no excuse."""
    found = find_programs()
    if found is None and os.environ.get("CI") == "true" and os.geteuid() == 0:
        pytest.fail("prometheus is missing on the build machine: apt-get install prometheus")
    if found is None:
        pytest.skip(reason="prometheus and promtool are not on PATH (Debian: apt-get install prometheus)")
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The service in the middle of its work."""
    with observed(tmp_path_factory.mktemp("observe"), programs(), seconds=SECONDS) as run:
        yield run


def test_every_query_of_dashboards_rules_and_guide_finds_data(run: Run) -> None:
    findings = check(run)
    assert [finding for finding in findings if finding.problem] == []
    assert {*dashboards(), "recording rules", "alerts", "metrics page"} <= {finding.group for finding in findings}
    assert {finding.query for finding in findings if finding.group == "README.de.md"} == GUIDE


@pytest.mark.parametrize(
    ("query", "problem"),
    [("nobody_exposes_this", "no data"), ("0 * ml_active_jobs / 0", "only NaN"), ("sum(", "parse error")],
)
def test_a_query_without_data_is_a_problem(run: Run, query: str, problem: str) -> None:
    question = Question("dashboard", Expression("panel", query, query, instant=True))
    assert problem in ask(run.prometheus, question).problem
