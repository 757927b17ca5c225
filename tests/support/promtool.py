"""Checks Prometheus rules with promtool if it is installed, else with simpler built-in checks and a warning."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.promql import parse

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
DURATION = re.compile(r"(\d+(ms|[smhdwy]))+")
SERIES_SELECTOR = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})?")
SERIES_VALUES = re.compile(r"(_|stale|-?[\d.]+([+-][\d.]+)?)(x\d+)?")
RULE_KEYS = {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}


def find_promtool() -> str | None:
    """The path of promtool; None where the built-in checks replace it. Fails on a build machine, which must have it."""
    path = shutil.which("promtool")
    if path is None and os.environ.get("CI") == "true" and os.geteuid() == 0:
        pytest.fail("promtool is missing on the build machine: apt-get install prometheus")
    return path


def check_rules(files: Sequence[Path]) -> None:
    """Raise AssertionError unless every rule file is valid."""
    if program := find_promtool():
        _run_promtool(program, "check", "rules", *map(str, files))
    else:
        problems = [f"{file.name}: {problem}" for file in files for problem in rule_problems(_load(file))]
        assert not problems, "\n".join(problems)


def check_rule_tests(files: Sequence[Path]) -> None:
    """Run the rule tests; without promtool only check that they could run."""
    if program := find_promtool():
        _run_promtool(program, "test", "rules", *map(str, files))
    else:
        problems = [f"{file.name}: {problem}" for file in files for problem in rule_test_problems(file)]
        assert not problems, "\n".join(problems)


def check_config(file: Path) -> None:
    """Raise AssertionError unless promtool accepts the server's configuration; its paths are tested elsewhere."""
    if program := find_promtool():
        # Not the files that it names: rules have a check of their own, the token is there in the container only.
        _run_promtool(program, "check", "config", "--syntax-only", str(file))
    else:
        assert {"global", "rule_files", "scrape_configs"} == set(_load(file))


def rule_problems(document: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a rule file: names, unknown keys, durations, PromQL, duplicates."""
    groups = document.get("groups", [])
    yield from _duplicate_names(group["name"] for group in groups)
    rules = [rule for group in groups for rule in group["rules"]]
    yield from _duplicate_names(str(rule.get("record") or rule.get("alert")) for rule in rules)
    for rule in rules:
        name = str(rule.get("record") or rule.get("alert") or "")
        if ("record" in rule) == ("alert" in rule) or set(rule) - RULE_KEYS:
            yield f"{name}: needs either record or alert, and knows only {sorted(RULE_KEYS)}"
        if not METRIC_NAME.fullmatch(name):
            yield f"{name!r} is not a name"
        if not DURATION.fullmatch(str(rule.get("for", "0s"))):
            yield f"{name}: for: {rule['for']!r} is not a duration"
        yield from _syntax_problems(name, str(rule.get("expr", "")))


def rule_test_problems(file: Path) -> Iterator[str]:
    """Why a rule-test file cannot run: missing rule files, unknown alerts, malformed series, bad PromQL."""
    document = _load(file)
    rule_files = [file.parent / name for name in document["rule_files"]]
    yield from (f"no such rule file: {path}" for path in rule_files if not path.exists())
    known = {
        rule.get("alert")
        for path in rule_files
        if path.exists()
        for group in _load(path)["groups"]
        for rule in group["rules"]
    }
    for test in document["tests"]:
        for series in test["input_series"]:
            if not SERIES_SELECTOR.fullmatch(series["series"]):
                yield f"not a series: {series['series']}"
            if not all(SERIES_VALUES.fullmatch(value) for value in str(series["values"]).split()):
                yield f"not values: {series['values']}"
        for case in test.get("alert_rule_test", []):
            if case["alertname"] not in known:
                yield f"unknown alert: {case['alertname']}"
        for case in test.get("promql_expr_test", []):
            yield from _syntax_problems(test["name"], case["expr"])


def warn_if_promtool_is_missing(terminalreporter: Any) -> None:
    """Print a warning at the end of the test run if promtool is missing: the rules were checked less strictly."""
    if shutil.which("promtool") is None:
        terminalreporter.write_line(
            "promtool not found: Prometheus rules were checked by built-in checks only, their tests did not run "
            "(Debian and Ubuntu: apt-get install prometheus)",
            yellow=True,
        )


def _load(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return document


def _syntax_problems(name: str, expression: str) -> Iterator[str]:
    try:
        parse(expression)
    except ValueError as error:
        yield f"{name}: {error}: {expression}"


def _duplicate_names(names: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"twice: {name}"
        seen.add(name)


def _run_promtool(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
