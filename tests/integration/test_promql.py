"""Every query and rule is PromQL over documented metrics, returns data, and each alert is proved both ways."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.metrics import CATALOGUE
from tests.support import promtool
from tests.support.metrics_page import DocumentedMetric, documented_metrics, documented_series
from tests.support.promql import as_prometheus_sees_it, parse, series_names

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "dashboards" / "prometheus"
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
RULE_TESTS = sorted((PROMETHEUS / "rules" / "tests").glob("*.yml"))
RUNBOOK = ROOT / "docs" / "runbook.md"
BY_PROMETHEUS_ITSELF = {"up"}
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


def scraped(metric: DocumentedMetric, *, number: int = 1, of_many: str = "") -> dict[str, str]:
    """An input series of promtool that stands for `metric`; label `of_many` takes `number` as its value."""
    values = {"status": "RUNNING", of_many: str(number)}
    labels = ", ".join(f'{label}="{values.get(label, "1")}"' for label in metric.labels)
    name = metric.name + ("_count" if metric.type == "histogram" else "")
    return {"series": f"{name}{{{', '.join(part for part in (TARGET, labels) if part)}}}", "values": f"0+{number}x240"}


def rule_test(path: Path, series: list[dict[str, str]], samples: dict[str, float]) -> Path:
    """Write a promtool test: each expression of `samples` has that value after ten minutes of `series`."""
    cases = [
        {"expr": expression, "eval_time": "10m", "exp_samples": [{"labels": "{}", "value": value}]}
        for expression, value in samples.items()
    ]
    tests = [{"interval": "5s", "name": path.stem, "input_series": series, "promql_expr_test": cases}]
    path.write_text(json.dumps({"rule_files": [], "tests": tests}), encoding="utf-8")
    return path


def test_the_rule_files_and_their_tests_pass() -> None:
    promtool.check_rules(RULE_FILES)
    promtool.check_rule_tests(RULE_TESTS)
    promtool.check_config(PROMETHEUS / "prometheus.yml")


@pytest.mark.parametrize(("where", "expression"), expressions(), ids=[where for where, _ in expressions()])
def test_an_expression_parses_and_names_documented_metrics_only(where: str, expression: str) -> None:
    parse(expression)
    known = documented_series() | BY_PROMETHEUS_ITSELF | {str(rule.get("record")) for rule in rules()}
    assert series_names(expression) <= known, where


def test_the_document_lists_exactly_the_metrics_of_the_exporter() -> None:
    documented = {metric.name: (metric.type, set(metric.labels)) for metric in documented_metrics().values()}
    assert documented == {metric.name: (str(metric.kind), set(metric.labels)) for metric in CATALOGUE}


def test_every_panel_query_returns_data_once_every_documented_metric_is_scraped(tmp_path: Path) -> None:
    series = [scraped(metric) for metric in documented_metrics().values()]
    samples = {f"count({as_prometheus_sees_it(query)}) > bool 0": 1.0 for _, query in panel_queries()}
    promtool.check_rule_tests([rule_test(tmp_path / "panels.yml", series, samples)])


def test_a_panel_of_many_jobs_or_models_draws_twenty_lines(tmp_path: Path) -> None:
    bounded = {query for _, query in panel_queries() if "topk(20" in query}
    assert len(bounded) == 5
    metrics = [metric for metric in documented_metrics().values() if any(metric.name in query for query in bounded)]
    series = []
    for metric in metrics:
        key = "model_id" if "model_id" in metric.labels else "job_id"
        series += [scraped(metric, number=number, of_many=key) for number in range(1, 26)]
    samples = {f"count({as_prometheus_sees_it(query)})": 20.0 for query in bounded}
    promtool.check_rule_tests([rule_test(tmp_path / "twenty.yml", series, samples)])


def test_the_examples_of_the_german_guide_are_tested_as_they_are_written() -> None:
    guide = (ROOT / "dashboards" / "README.de.md").read_text(encoding="utf-8")
    examples = set(re.findall(r"```promql\n(.+?)\n```", guide))
    tested = {
        case["expr"] for path in RULE_TESTS for test in load(path)["tests"] for case in test.get("promql_expr_test", [])
    }
    assert len(examples) == 4
    assert examples <= tested


@pytest.mark.parametrize("name", alerts())
def test_an_alert_fires_once_and_is_silent_twice_in_its_tests(name: str) -> None:
    cases = [
        case
        for path in RULE_TESTS
        for test in load(path)["tests"]
        for case in test.get("alert_rule_test", [])
        if case["alertname"] == name
    ]
    fires = [case for case in cases if case.get("exp_alerts")]
    assert len(fires) >= 1
    assert len(cases) - len(fires) >= 2


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_what_is_wrong_how_bad_and_where_the_remedy_stands(name: str) -> None:
    alert = alerts()[name]
    assert alert["annotations"]["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    assert {"summary", "description"} <= set(alert["annotations"])
    assert alert["labels"]["severity"] in {"critical", "warning"}
    section = RUNBOOK.read_text(encoding="utf-8").split(f"## {name}\n")[1].split("\n## ")[0]
    for part in ("**Symptom.**", "**Check.**", "**Remedy.**"):
        assert part in section


def test_the_runbook_has_no_heading_without_an_alert() -> None:
    assert set(re.findall(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)) == set(alerts())


@pytest.fixture
def no_promtool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PATH", "")


@pytest.mark.usefixtures("no_promtool")
def test_without_promtool_our_rules_and_their_tests_are_still_checked() -> None:
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
def test_a_build_machine_without_promtool_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(pytest.fail.Exception, match="promtool is missing"):
        promtool.check_rules(RULE_FILES)


@pytest.mark.usefixtures("no_promtool")
def test_a_run_without_promtool_says_so_at_its_end() -> None:
    class Terminal:
        lines: list[str] = []  # noqa: RUF012 - one instance, one test

        def write_line(self, line: str, **_: bool) -> None:
            self.lines.append(line)

    terminal = Terminal()
    promtool.pytest_terminal_summary(terminal)
    assert "promtool not found" in terminal.lines[0]
