"""Every PromQL expression that the repository ships: dashboards, rules and the German guide."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.observe.prometheus import SCRAPE_SECONDS, Prometheus

DASHBOARDS = Path(__file__).parents[2] / "dashboards"
LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.+),)?\s*(?P<label>\w+)\s*\)")
REFERENCE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Expression:
    """One query as Prometheus gets it; `written` is the text in the repository."""

    where: str
    written: str
    text: str
    instant: bool


def dashboards() -> dict[str, dict[str, Any]]:
    """Every generated dashboard by file name."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))}


def guide_examples() -> list[Expression]:
    """The examples of the users' own document, verbatim."""
    text = (DASHBOARDS / "README.de.md").read_text(encoding="utf-8")
    found = re.findall(r"^### (.+)\n\n```promql\n(.+)\n```", text, flags=re.MULTILINE)
    return [Expression(title, query, query, instant=True) for title, query in found]


def panels_of(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel, those inside collapsed rows too."""
    for panel in document["panels"]:
        yield panel
        yield from panel.get("panels", [])


def targets_of(document: dict[str, Any], values: Mapping[str, str]) -> list[Expression]:
    """Every target of a dashboard, with its variables and Grafana's own replaced; those of its annotations too."""
    found = []
    for panel in panels_of(document):
        known = {**values, **intervals(panel.get("interval"))}
        for target in panel.get("targets", []):
            text = interpolated(target["expr"], known)
            found.append(Expression(panel["title"], target["expr"], text, bool(target.get("instant"))))
    for note in document.get("annotations", {}).get("list", []):
        if "expr" in note:
            text = interpolated(note["expr"], {**values, **intervals(note.get("step"))})
            found.append(Expression(f"annotation {note['name']}", note["expr"], text, instant=False))
    return found


def intervals(shortest: str | None) -> dict[str, str]:
    """Grafana's step and rate window for a panel with this shortest step, such as 5m."""
    number, unit = (int(shortest[:-1]), shortest[-1]) if shortest else (SCRAPE_SECONDS, "s")
    step = number * {"s": 1, "m": 60, "h": 3600}[unit]
    return {"__interval": f"{step}s", "__rate_interval": f"{max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s"}


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """`text` with each `$name`, `${name}` and `${name:format}` replaced; raises KeyError for an unknown one."""
    return REFERENCE.sub(lambda found: values[found[1] or found[2]], text)


def variable_values(
    document: dict[str, Any], prometheus: Prometheus, *, preferred: Mapping[str, str], seconds: int
) -> dict[str, str]:
    """What Grafana would put in for each variable; of several choices the `preferred` one, else the last."""
    values = {"__range": f"{seconds}s", "__range_s": str(seconds)}
    for variable in document["templating"]["list"]:
        if variable["type"] == "query":
            values[variable["name"]] = _chosen(variable, prometheus, values, preferred)
        elif variable["type"] != "datasource":
            values[variable["name"]] = _current(variable)
    return values


def _chosen(
    variable: dict[str, Any], prometheus: Prometheus, values: Mapping[str, str], preferred: Mapping[str, str]
) -> str:
    query = variable["query"]["query"] if isinstance(variable["query"], dict) else variable["query"]
    asked = LABEL_VALUES.fullmatch(interpolated(query, values))
    assert asked, f"not a label_values query: {query}"
    label = asked["label"]
    offered = prometheus.label_values(label, asked["selector"] or f'{{{label}!=""}}')
    assert offered, f"variable {variable['name']} offers nothing: {query}"
    if variable.get("includeAll") or variable.get("multi"):
        return str(variable.get("allValue") or "") or "(" + "|".join(re.escape(value) for value in offered) + ")"
    return preferred[label] if preferred.get(label) in offered else offered[-1]


def _current(variable: dict[str, Any]) -> str:
    value = (variable.get("current") or {}).get("value") or str(variable["query"]).split(",")[0]
    return str(value[0] if isinstance(value, list) else value).strip()
