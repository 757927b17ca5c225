"""Every query of every dashboard as values, for whoever wants to ask a Prometheus what its panels would show."""

import json
from typing import NamedTuple

from dashboards.build import boards, render


class Target(NamedTuple):
    """One query of a panel; `expression` still holds Grafana's variables."""

    dashboard: str  # uid
    panel: str  # title
    expression: str
    instant: bool


def targets() -> tuple[Target, ...]:
    """Every target of every dashboard, in reading order."""
    documents = [json.loads(render(board)) for board in boards()]
    return tuple(
        Target(document["uid"], panel["title"], target["expr"], target["instant"])
        for document in documents
        for panel in document["panels"]
        for target in panel.get("targets", [])
    )
