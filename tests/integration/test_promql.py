"""Queries and rules are PromQL over documented metrics and return data; each alert is tested firing and silent."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards import exporter_rows, models, objectives
from exporter.metrics import CATALOGUE
from tests.support import promtool
from tests.support.documented_metrics import DocumentedMetric, documented_metrics, documented_series
from tests.support.promql import parse, series_names, substitute_variables

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "dashboards" / "prometheus"
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
RULE_TESTS = sorted((PROMETHEUS / "rules" / "tests").glob("*.yml"))
RUNBOOK = ROOT / "docs" / "runbook.md"
GOLDEN_PAGE = ROOT / "tests" / "golden" / "metrics.txt"
SERIES_OF_PROMETHEUS = {"up", "ALERTS"}
PER_OBJECT_LABELS = {"job_id", "model_id", "worker", "process", "route"}
TARGET = 'job="ml-training-exporter", instance="exporter:8012"'


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def rules() -> list[dict[str, Any]]:
    return [rule for path in RULE_FILES for group in load(path)["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def panel_queries() -> list[tuple[str, str]]:
    """(dashboard and panel, PromQL) of every target of every committed dashboard."""
    found = []
    for path in sorted((ROOT / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            found += [(f"{path.stem}: {panel['title']}", target["expr"]) for target in panel.get("targets", [])]
    return found


def expressions() -> list[tuple[str, str]]:
    named = [(str(rule.get("alert") or rule["record"]), str(rule["expr"])) for rule in rules()]
    return panel_queries() + named


def input_series(metric: DocumentedMetric) -> list[dict[str, str]]:
    """Input series of promtool for `metric`: of 25 objects, or of the only object that it can have."""
    (object_label,) = PER_OBJECT_LABELS & set(metric.labels) or {""}
    parts = (("_count", ()), ("_bucket", ('le="1.0"',)), ("_bucket", ('le="+Inf"',)))
    found = []
    for number, (part, bucket) in itertools.product(
        range(1, 26 if object_label else 2), parts if metric.type == "histogram" else (("", ()),)
    ):
        values = {"status": "RUNNING", object_label: str(number)}
        labels = [TARGET, *(f'{label}="{values.get(label, "1")}"' for label in metric.labels), *bucket]
        found.append({"series": f"{metric.name}{part}{{{', '.join(labels)}}}", "values": f"0+{number}x240"})
    return found


def golden_page_series(*, idle: bool = False) -> list[dict[str, str]]:
    """Input series of promtool: the golden page, scraped every five seconds; its counters rise unless `idle`."""
    found = [{"series": f"up{{{TARGET}}}", "values": "1x240"}]
    kind = ""
    for line in GOLDEN_PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            kind = line.split()[-1] if line.startswith("# TYPE") else kind
            continue
        name, labels, value = re.fullmatch(r"(\w+)(?:{(.*)})? (\S+)", line).groups()  # type: ignore[union-attr]
        value = "1" if value == "*" else value
        rise = value if kind in {"counter", "histogram"} and not idle else "0"
        series = f"{name}{{{', '.join(part for part in (TARGET, labels) if part)}}}"
        found.append({"series": series, "values": f"{value}+{rise}x240"})
    return found


def write_rule_test(path: Path, series: list[dict[str, str]], samples: dict[str, float | None]) -> Path:
    """Write a promtool test: each expression has that value, or none, after ten minutes of `series` with the rules."""
    cases = [
        {
            "expr": expression,
            "eval_time": "10m",
            "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
        }
        for expression, value in samples.items()
    ]
    tests = [{"interval": "5s", "name": path.stem, "input_series": series, "promql_expr_test": cases}]
    path.write_text(json.dumps({"rule_files": [*map(str, RULE_FILES)], "tests": tests}), encoding="utf-8")
    return path


@pytest.mark.slow  # a quarter of a minute of simulated weeks
def test_the_rule_files_and_their_tests_pass() -> None:
    promtool.check_rules(RULE_FILES)
    promtool.check_rule_tests(RULE_TESTS)
    promtool.check_config(PROMETHEUS / "prometheus.yml")
    promtool.check_config(PROMETHEUS / "prometheus.tls.yml")


@pytest.mark.parametrize(("where", "expression"), expressions(), ids=[where for where, _ in expressions()])
def test_an_expression_parses_and_names_documented_metrics_only(where: str, expression: str) -> None:
    parse(expression)
    known = documented_series() | SERIES_OF_PROMETHEUS | {str(rule.get("record")) for rule in rules()}
    assert series_names(expression) <= known, where


def test_the_document_lists_exactly_the_metrics_of_the_exporter() -> None:
    documented = {metric.name: (metric.type, set(metric.labels)) for metric in documented_metrics().values()}
    assert documented == {metric.name: (str(metric.kind), set(metric.labels)) for metric in CATALOGUE}


def test_every_panel_query_returns_numbers_once_a_busy_service_is_scraped(tmp_path: Path) -> None:
    queries = {substitute_variables(query) for _, query in panel_queries()}
    samples: dict[str, float | None] = {f"count(({query}) > -Inf) > bool 0": 1.0 for query in queries}
    promtool.check_rule_tests([write_rule_test(tmp_path / "busy.yml", golden_page_series(), samples)])


def test_no_panel_query_is_nan_while_the_service_is_idle(tmp_path: Path) -> None:
    queries = {substitute_variables(query) for _, query in panel_queries()}
    samples: dict[str, float | None] = {f"count(({query}) != ({query}))": None for query in queries}
    promtool.check_rule_tests([write_rule_test(tmp_path / "idle.yml", golden_page_series(idle=True), samples)])


def test_a_panel_object_label_objects_draws_twenty_lines_or_ten_bars(tmp_path: Path) -> None:
    queries = {substitute_variables(query) for _, query in panel_queries()}
    lines = {query for query in queries if "topk(20, " in query}
    # Without those that ask for one value of another label, which the series below do not have.
    bars = {query for query in queries if query.lstrip("(").startswith("topk(10, ")}
    bars = {query for query in bars if not re.search('RUNNING|score="', query)}
    assert len(lines) >= 13
    assert len(bars) == 5
    series = [one for metric in documented_metrics().values() for one in input_series(metric)]
    samples: dict[str, float | None] = {f"count({query})": 20.0 for query in lines}
    samples |= {f"count({query})": 10.0 for query in bars}
    promtool.check_rule_tests([write_rule_test(tmp_path / "limits.yml", series, samples)])


def test_the_examples_of_the_german_guide_are_tested_unchanged() -> None:
    guide = (ROOT / "dashboards" / "README.de.md").read_text(encoding="utf-8")
    examples = set(re.findall(r"```promql\n(.+?)\n```", guide))
    tested = {
        case["expr"] for path in RULE_TESTS for test in load(path)["tests"] for case in test.get("promql_expr_test", [])
    }
    assert len(examples) == 4
    assert examples <= tested


def test_every_required_alert_exists() -> None:
    required = """
        DatabaseDisconnected ExporterDown ExporterAbsent ApiDown BrokerDown NoWorkers WorkerLost BacklogGrowing JobStuck
        FailureBudgetBurnFast FailureBudgetBurnSlow QueueWaitSLO AccuracyDrop Overfitting DiskSpaceLow SnapshotStale
        EventLag SeriesLimitReached CollectorFailing ForeignStorage BrokerRefuses ForeignQueueEntries JobsNotTaken
        ModelDrift
    """
    assert set(alerts()) == set(required.split())


@pytest.mark.parametrize("name", alerts())
def test_an_alert_has_tests_that_it_fires_and_that_it_stays_silent_on_similar_series(name: str) -> None:
    cases_by_test = [
        [case for case in test.get("alert_rule_test", []) if case["alertname"] == name]
        for path in RULE_TESTS
        for test in load(path)["tests"]
    ]
    fires = [case for cases in cases_by_test for case in cases if case.get("exp_alerts")]
    silent = [case for cases in cases_by_test for case in cases if not case.get("exp_alerts")]
    quiet_tests = [cases for cases in cases_by_test if cases and not any(case.get("exp_alerts") for case in cases)]
    assert len(fires) >= 1
    assert len(silent) >= 2
    assert quiet_tests, "silent only before `for` is over: no test with series that look similar but are fine"


@pytest.mark.parametrize("name", alerts())
def test_an_alert_has_summary_description_severity_and_a_section_in_the_runbook(name: str) -> None:
    alert = alerts()[name]
    address = "{{ with $externalLabels.console_url }}{{ . }}{{ else }}http://localhost:8000{{ end }}"
    assert alert["annotations"]["runbook_url"] == f"{address}/console/runbook.html#{name}"
    assert {"summary", "description"} <= set(alert["annotations"])
    assert alert["labels"]["severity"] in {"critical", "warning"}
    section = RUNBOOK.read_text(encoding="utf-8").split(f"## {name}\n")[1].split("\n## ")[0]
    for part in ("**Symptom.**", "**Check.**", "**Remedy.**"):
        assert part in section


def test_the_runbook_has_no_heading_without_an_alert() -> None:
    headings = re.findall(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(headings) == sorted(alerts())


def test_every_recorded_series_is_documented_and_named_by_level_metric_and_operation() -> None:
    recorded = [str(rule["record"]) for rule in rules() if "record" in rule]
    documented = re.findall(r"`(\w+:\w+:\w+)`", (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"))
    assert set(recorded) == set(documented)
    assert all(re.fullmatch(r"(job|job_id):ml_\w+:\w+", name) for name in recorded)


@pytest.mark.parametrize("name", alerts())
def test_the_labels_of_an_alert_never_contain_a_value(name: str) -> None:
    assert set(alerts()[name]["labels"]) == {"severity"}


def test_alerts_and_dashboards_use_the_same_thresholds() -> None:
    budget = f"{1 - objectives.COMPLETED_OBJECTIVE:.2g}"
    for name, times in (("Fast", objectives.BURN_FAST), ("Slow", objectives.BURN_SLOW)):
        assert alerts()[f"FailureBudgetBurn{name}"]["expr"].count(f"> {times} * {budget}") == 2
    assert f"> {objectives.WAIT_SECONDS} " in alerts()["QueueWaitSLO"]["expr"]
    assert f"p{100 * objectives.IN_TIME_OBJECTIVE:.0f}_" in alerts()["QueueWaitSLO"]["expr"]
    assert alerts()["Overfitting"]["expr"].endswith(f"> {models.OVERFITTING_GAP}")
    assert alerts()["AccuracyDrop"]["expr"].endswith(f"> {models.ACCURACY_DROP}")
    assert f"_age_seconds > {exporter_rows.STALE_SECONDS} " in alerts()["SnapshotStale"]["expr"]
    assert alerts()["EventLag"]["expr"].endswith(f"> {exporter_rows.LAG_SECONDS}")


def test_the_alertmanager_example_uses_existing_alerts_and_severities() -> None:
    example = load(PROMETHEUS / "alertmanager.example.yml")
    routes = [example["route"], *example["route"]["routes"]]
    assert {route["receiver"] for route in routes} == {receiver["name"] for receiver in example["receivers"]}
    matchers = [matcher for route in routes for matcher in route.get("matchers", [])]
    assert matchers == ["severity = critical"]
    inhibited = [
        matcher
        for rule in example["inhibit_rules"]
        for key in ("source", "target")
        for matcher in rule[f"{key}_matchers"]
    ]
    named = {name for matcher in inhibited for name in re.findall(r"[A-Z]\w+", matcher)}
    assert named <= set(alerts())


def test_the_commented_alertmanager_section_is_valid() -> None:
    text = (PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8")
    uncommented = yaml.safe_load(re.sub(r"^# (alerting:|  .+)$", r"\1", text, flags=re.MULTILINE))
    assert uncommented["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]


@pytest.fixture
def no_promtool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PATH", "")


@pytest.mark.usefixtures("no_promtool")
def test_without_promtool_the_rules_and_their_tests_are_still_checked() -> None:
    promtool.check_rules(RULE_FILES)
    promtool.check_rule_tests(RULE_TESTS)


@pytest.mark.usefixtures("no_promtool")
@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ({"alert": "A", "expr": "sum("}, "unclosed left parenthesis"),
        ({"alert": "A", "expr": "up", "for": "soon"}, "not a duration"),
        ({"alert": "not a name", "expr": "up"}, "not a name"),
        ({"record": "a", "alert": "A", "expr": "up"}, "either record or alert"),
        ({"alert": "A", "expr": "up", "annotation": {}}, "knows only"),
    ],
)
def test_without_promtool_a_broken_rule_is_found(tmp_path: Path, rule: dict[str, Any], complaint: str) -> None:
    file = tmp_path / "broken.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}), encoding="utf-8")
    with pytest.raises(AssertionError, match=complaint):
        promtool.check_rules([file])


@pytest.mark.usefixtures("no_promtool")
def test_without_promtool_a_rule_test_of_an_unknown_alert_is_found(tmp_path: Path) -> None:
    case = {"eval_time": "1m", "alertname": "Nobody"}
    test = {"name": "t", "input_series": [{"series": "up", "values": "1x5"}], "alert_rule_test": [case]}
    file = tmp_path / "unknown.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULE_FILES[0])], "tests": [test]}), encoding="utf-8")
    with pytest.raises(AssertionError, match="unknown alert: Nobody"):
        promtool.check_rule_tests([file])


@pytest.mark.usefixtures("no_promtool")
def test_a_build_machine_without_promtool_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(pytest.fail.Exception, match="promtool is missing"):
        promtool.check_rules(RULE_FILES)


@pytest.mark.usefixtures("no_promtool")
def test_a_run_without_promtool_ends_with_a_warning() -> None:
    class Terminal:
        lines: list[str] = []  # noqa: RUF012 - one instance, one test

        def write_line(self, line: str, **_: bool) -> None:
            self.lines.append(line)

    terminal = Terminal()
    promtool.warn_if_promtool_is_missing(terminal)
    assert "promtool not found" in terminal.lines[0]
