"""The dashboards as Grafana reads them: documents built from code, their panels and queries."""

import json
from functools import cache
from typing import Any

from dashboards import build

Json = dict[str, Any]
USERS_DASHBOARD = "ml-training-service"


@cache
def documents() -> tuple[Json, ...]:
    """Every dashboard, parsed."""
    return tuple(json.loads(build.render(board)) for board in build.build_all())


def operator_documents() -> list[Json]:
    """Those for operators: all but the one whose text is its users' own."""
    return [document for document in documents() if document["uid"] != USERS_DASHBOARD]


def panels(document: Json) -> list[Json]:
    """The panels that show something: all but the rows."""
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def title_of(value: object) -> str:
    """The id of a parameter: the title of a document or panel."""
    return str(value["title"]) if isinstance(value, dict) else ""


def links_of(document: Json) -> list[Json]:
    """Every link with an address: of the dashboard, of its panels and of its tables' columns."""
    found = [link for link in document.get("links", []) if link["type"] == "link"]
    for panel in panels(document):
        found += panel["fieldConfig"]["defaults"].get("links", [])
        for override in panel["fieldConfig"].get("overrides", []):
            found += [link for item in override["properties"] if item["id"] == "links" for link in item["value"]]
    return found
