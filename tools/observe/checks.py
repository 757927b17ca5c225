"""Checks an observed service: which queries, rules and documented examples find no data, and whether that is right."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.eventually import eventually
from tests.support.promql import selectors
from tools.observe.expressions import Expression, committed_dashboards, guide_examples, targets_of, variable_values
from tools.observe.observed_service import ObservedService
from tools.observe.prometheus_server import Prometheus, QueryError, QueryResult

ALLOWED = Path(__file__).parents[2] / "tests" / "golden" / "promtool_allow.txt"
NO_RESULT = QueryResult(0, 0, 0, "")
LATE_SECONDS = 30.0  # heartbeats bring the API's own counters every 5 s, and a rate needs two scrapes of them
# Panel, annotation or rule that has no data in a correct run -> why.
EXPECTED_EMPTY = {
    "annotation API restarts": "the API is not restarted",
    "annotation Exporter restarts": "the exporter is not restarted",
}


@dataclass(frozen=True, slots=True)
class QueryCheck:
    """A query to check, and the file or kind of rule that it belongs to."""

    group: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class Finding:
    """What one query found; `problem` is empty when that is right; `reason` says why no data is right."""

    group: str
    where: str
    query: str
    result: QueryResult
    problem: str = ""
    reason: str = ""


def check_service(observed: ObservedService) -> list[Finding]:
    """Every finding, with and without a problem; a query without data is repeated for LATE_SECONDS."""
    checks = [*dashboard_checks(observed), *rule_checks(observed.prometheus), *guide_checks()]
    found = {query_check: run_query_check(observed.prometheus, query_check) for query_check in checks}

    def all_answered() -> bool:
        late = [query_check for query_check, finding in found.items() if finding.problem]
        found.update({query_check: run_query_check(observed.prometheus, query_check) for query_check in late})
        return not any(finding.problem for finding in found.values())

    with suppress(AssertionError):
        eventually(all_answered, within=LATE_SECONDS, every=1.0)
    return [*found.values(), *broken_rules(observed.prometheus), check_metrics_page(observed)]


def dashboard_checks(observed: ObservedService) -> Iterator[QueryCheck]:
    """The query of every panel and annotation of every dashboard."""
    for name, document in committed_dashboards().items():
        values = variable_values(document, observed.prometheus, preferred=observed.preferred, seconds=observed.seconds)
        yield from (QueryCheck(name, target) for target in targets_of(document, values))


def guide_checks() -> Iterator[QueryCheck]:
    """The examples of the users' guide, unchanged."""
    return (QueryCheck("README.de.md", example) for example in guide_examples())


def rule_checks(prometheus: Prometheus) -> Iterator[QueryCheck]:
    """The series that recording rules write and alerts read: the alerts themselves are empty in a healthy service."""
    for rule in prometheus.rules():
        is_alert = rule["type"] == "alerting"
        queries = dict.fromkeys(map(str, selectors(rule["query"]))) if is_alert else [rule["name"]]
        for text in queries:
            expression = Expression(rule["name"], rule["query"], text, instant=True)
            yield QueryCheck("alerts" if is_alert else "recording rules", expression)


def broken_rules(prometheus: Prometheus) -> list[Finding]:
    """The rules that Prometheus could not evaluate."""
    broken = [rule for rule in prometheus.rules() if rule["health"] != "ok"]
    return [Finding("rules", rule["name"], rule["query"], NO_RESULT, problem=rule["lastError"]) for rule in broken]


def check_metrics_page(observed: ObservedService) -> Finding:
    """Whether `promtool check metrics` of the live page prints exactly the allowed lines."""
    page = httpx.get(f"{observed.exporter_url}/metrics", trust_env=False).raise_for_status().text
    done = subprocess.run(
        [observed.promtool, "check", "metrics"], input=page, capture_output=True, text=True, timeout=60, check=False
    )
    printed = sorted((done.stdout + done.stderr).splitlines())
    allowed = sorted(ALLOWED.read_text(encoding="utf-8").splitlines())
    samples = [line for line in page.splitlines() if line and not line.startswith("#")]
    problem = "" if printed == allowed else f"promtool prints {printed}, allowed is {allowed}"
    result = QueryResult(len(samples), len(samples), 0, f"{len(allowed)} allowed findings")
    return Finding("metrics page", "promtool check metrics", "/metrics", result, problem=problem)


def alert_states(prometheus: Prometheus) -> dict[str, str]:
    """The state of each alert by name: inactive, pending or firing."""
    return {rule["name"]: rule["state"] for rule in prometheus.rules() if rule["type"] == "alerting"}


def run_query_check(prometheus: Prometheus, query_check: QueryCheck) -> Finding:
    """Ask the query now."""
    group, expression = query_check.group, query_check.expression
    reason = EXPECTED_EMPTY.get(expression.where, "")
    try:
        result = (prometheus.instant if expression.instant else prometheus.range)(expression.text)
    except QueryError as error:
        return Finding(group, expression.where, expression.text, NO_RESULT, problem=str(error))
    problem = "" if result.numbers or reason else "only NaN" if result.series else "no data"
    return Finding(group, expression.where, expression.text, result, problem=problem, reason=reason)
