"""Judges a run: which queries, rules and documented promises find no data, and whether that is right."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.observe.expressions import Expression, dashboards, guide_examples, targets_of, variable_values
from tests.observe.prometheus import Answer, Prometheus, QueryError
from tests.support.eventually import eventually
from tests.support.promql import selectors

ALLOWED = Path(__file__).parents[1] / "golden" / "promtool_allow.txt"
NO_ANSWER = Answer(0, 0, 0, "")
LATE_SECONDS = 30.0  # heartbeats carry the API's own counters every 5 s, and a rate needs two scrapes of them
# What a run rightly leaves empty: panel, annotation or rule -> why.
NO_DATA_IS_RIGHT = {
    "annotation API restarts": "the API is not restarted",
    "annotation Exporter restarts": "the exporter is not restarted",
}


@dataclass(frozen=True, slots=True)
class Question:
    """An expression and the file or kind of rule that it belongs to."""

    group: str
    expression: Expression


@dataclass(frozen=True, slots=True)
class Finding:
    """What one query found; `problem` is empty when that is right, `reason` says why no data is."""

    group: str
    where: str
    query: str
    answer: Answer
    problem: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A service in the middle of its work, and the Prometheus that has watched it."""

    prometheus: Prometheus
    exporter_url: str
    promtool: str
    preferred: Mapping[str, str]
    seconds: int


def check(run: Run) -> list[Finding]:
    """Every finding of the run, problems and not; what finds no data yet is asked again for LATE_SECONDS."""
    questions = [*dashboard_questions(run), *rule_questions(run.prometheus), *guide_questions()]
    found = {question: ask(run.prometheus, question) for question in questions}

    def all_answered() -> bool:
        late = [question for question, finding in found.items() if finding.problem]
        found.update({question: ask(run.prometheus, question) for question in late})
        return not any(finding.problem for finding in found.values())

    with suppress(AssertionError):
        eventually(all_answered, within=LATE_SECONDS, every=1.0)
    return [*found.values(), *broken_rules(run.prometheus), check_page(run)]


def dashboard_questions(run: Run) -> Iterator[Question]:
    """Every target and annotation of every dashboard."""
    for name, document in dashboards().items():
        values = variable_values(document, run.prometheus, preferred=run.preferred, seconds=run.seconds)
        yield from (Question(name, target) for target in targets_of(document, values))


def guide_questions() -> Iterator[Question]:
    """The examples of the users' document, as they are written."""
    return (Question("README.de.md", example) for example in guide_examples())


def rule_questions(prometheus: Prometheus) -> Iterator[Question]:
    """What each recording rule recorded, and each series that an alert looks at: a healthy service fires none."""
    for rule in prometheus.rules():
        is_alert = rule["type"] == "alerting"
        asked = dict.fromkeys(map(str, selectors(rule["query"]))) if is_alert else [rule["name"]]
        for text in asked:
            expression = Expression(rule["name"], rule["query"], text, instant=True)
            yield Question("alerts" if is_alert else "recording rules", expression)


def broken_rules(prometheus: Prometheus) -> list[Finding]:
    """The rules that Prometheus could not evaluate."""
    broken = [rule for rule in prometheus.rules() if rule["health"] != "ok"]
    return [Finding("rules", rule["name"], rule["query"], NO_ANSWER, problem=rule["lastError"]) for rule in broken]


def check_page(run: Run) -> Finding:
    """`promtool check metrics` of the live page says exactly the lines that are allowed."""
    page = httpx.get(f"{run.exporter_url}/metrics", trust_env=False).raise_for_status().text
    done = subprocess.run(
        [run.promtool, "check", "metrics"], input=page, capture_output=True, text=True, timeout=60, check=False
    )
    said = sorted((done.stdout + done.stderr).splitlines())
    allowed = sorted(ALLOWED.read_text(encoding="utf-8").splitlines())
    samples = [line for line in page.splitlines() if line and not line.startswith("#")]
    problem = "" if said == allowed else f"promtool says {said}, allowed is {allowed}"
    answer = Answer(len(samples), len(samples), 0, f"{len(allowed)} allowed findings")
    return Finding("metrics page", "promtool check metrics", "/metrics", answer, problem=problem)


def alert_states(prometheus: Prometheus) -> dict[str, str]:
    """inactive, pending or firing, by alert."""
    return {rule["name"]: rule["state"] for rule in prometheus.rules() if rule["type"] == "alerting"}


def ask(prometheus: Prometheus, question: Question) -> Finding:
    """The finding of one question, now."""
    group, expression = question.group, question.expression
    reason = NO_DATA_IS_RIGHT.get(expression.where, "")
    try:
        answer = (prometheus.instant if expression.instant else prometheus.range)(expression.text)
    except QueryError as error:
        return Finding(group, expression.where, expression.text, NO_ANSWER, problem=str(error))
    problem = "" if answer.numbers or reason else "only NaN" if answer.series else "no data"
    return Finding(group, expression.where, expression.text, answer, problem=problem, reason=reason)
