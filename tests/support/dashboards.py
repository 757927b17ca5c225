"""The dashboards as parsed JSON, built from code; helpers for their panels, links and variables."""

import json
from functools import cache
from typing import Any

from dashboards import build

Json = dict[str, Any]
USERS_DASHBOARD = "ml-training-service"


@cache
def documents() -> tuple[Json, ...]:
    """Every dashboard, parsed."""
    return tuple(json.loads(build.render(built)) for built in build.build_all())


def operator_documents() -> list[Json]:
    """The dashboards for operators: all but the German one for users."""
    return [document for document in documents() if document["uid"] != USERS_DASHBOARD]


def panels(document: Json) -> list[Json]:
    """The panels with data: all but the row headings."""
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def grid_cells(panel: Json) -> set[tuple[int, int]]:
    """The (x, y) cells of Grafana's grid that the panel occupies."""
    position = panel["gridPos"]
    columns = range(position["x"], position["x"] + position["w"])
    return {(x, y) for x in columns for y in range(position["y"], position["y"] + position["h"])}


def title_of(value: object) -> str:
    """The title of a dashboard or panel, as the id of a parametrised test."""
    return str(value["title"]) if isinstance(value, dict) else ""


def links_of(document: Json) -> list[Json]:
    """Every link with a URL: of the dashboard, its panels and the columns of its tables."""
    found = [link for link in document.get("links", []) if link["type"] == "link"]
    for panel in panels(document):
        found += panel["fieldConfig"]["defaults"].get("links", [])
        for override in panel["fieldConfig"].get("overrides", []):
            found += [link for item in override["properties"] if item["id"] == "links" for link in item["value"]]
    return found
