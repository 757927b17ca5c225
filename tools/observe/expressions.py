"""The PromQL expressions of the committed dashboards and of the German guide, with Grafana's variables replaced."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.observe.prometheus_server import SCRAPE_SECONDS, Prometheus

DASHBOARDS = Path(__file__).parents[2] / "dashboards"
LABEL_VALUES = re.compile(r"label_values\((?:(?P<selector>.+),)?\s*(?P<label>\w+)\s*\)")
REFERENCE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Expression:
    """One query; `written` is the text in the repository, `text` is what Prometheus gets."""

    where: str
    written: str
    text: str
    instant: bool


def committed_dashboards() -> dict[str, dict[str, Any]]:
    """Every committed dashboard by file name."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DASHBOARDS.glob("*.json"))}


def guide_examples() -> list[Expression]:
    """The examples of the users' guide, unchanged."""
    text = (DASHBOARDS / "README.de.md").read_text(encoding="utf-8")
    found = re.findall(r"^### (.+)\n\n```promql\n(.+)\n```", text, flags=re.MULTILINE)
    return [Expression(title, query, query, instant=True) for title, query in found]


def panels_of(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel, also those inside collapsed rows."""
    for panel in document["panels"]:
        yield panel
        yield from panel.get("panels", [])


def targets_of(document: dict[str, Any], values: Mapping[str, str]) -> list[Expression]:
    """The queries of a dashboard's panels and annotations; its variables and Grafana's own are replaced."""
    found = []
    for panel in panels_of(document):
        known = {**values, **interval_variables(panel.get("interval"))}
        for target in panel.get("targets", []):
            text = interpolate(target["expr"], known)
            found.append(Expression(panel["title"], target["expr"], text, bool(target.get("instant"))))
    for annotation in document.get("annotations", {}).get("list", []):
        if "expr" in annotation:
            text = interpolate(annotation["expr"], {**values, **interval_variables(annotation.get("step"))})
            found.append(Expression(f"annotation {annotation['name']}", annotation["expr"], text, instant=False))
    return found


def interval_variables(min_interval: str | None) -> dict[str, str]:
    """Grafana's step and rate window for a panel with this minimum step: `interval_variables("5m")`."""
    number, unit = (int(min_interval[:-1]), min_interval[-1]) if min_interval else (SCRAPE_SECONDS, "s")
    step = number * {"s": 1, "m": 60, "h": 3600}[unit]
    return {"__interval": f"{step}s", "__rate_interval": f"{max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s"}


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """`text` with each `$name`, `${name}` and `${name:format}` replaced; raises KeyError for an unknown one."""
    return REFERENCE.sub(lambda match: values[match[1] or match[2]], text)


def variable_values(
    document: dict[str, Any], prometheus: Prometheus, *, preferred: Mapping[str, str], seconds: int
) -> dict[str, str]:
    """The value of each variable as Grafana would choose it; of several values the `preferred` one, else the last."""
    values = {"__range": f"{seconds}s", "__range_s": str(seconds)}
    for variable in document["templating"]["list"]:
        if variable["type"] == "query":
            values[variable["name"]] = _query_variable_value(variable, prometheus, values, preferred)
        elif variable["type"] != "datasource":
            values[variable["name"]] = _fixed_variable_value(variable)
    return values


def _query_variable_value(
    variable: dict[str, Any], prometheus: Prometheus, values: Mapping[str, str], preferred: Mapping[str, str]
) -> str:
    query = variable["query"]["query"] if isinstance(variable["query"], dict) else variable["query"]
    match = LABEL_VALUES.fullmatch(interpolate(query, values))
    assert match, f"not a label_values query: {query}"
    label = match["label"]
    values_found = prometheus.label_values(label, match["selector"] or f'{{{label}!=""}}')
    assert values_found, f"variable {variable['name']} has no values: {query}"
    if variable.get("includeAll") or variable.get("multi"):
        return str(variable.get("allValue") or "") or "(" + "|".join(re.escape(value) for value in values_found) + ")"
    return preferred[label] if preferred.get(label) in values_found else values_found[-1]


def _fixed_variable_value(variable: dict[str, Any]) -> str:
    value = (variable.get("current") or {}).get("value") or str(variable["query"]).split(",")[0]
    return str(value[0] if isinstance(value, list) else value).strip()
