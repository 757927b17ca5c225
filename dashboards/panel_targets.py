"""Lists every query of every dashboard, to ask a Prometheus server what its panels would show."""

import json
from typing import NamedTuple

from dashboards.build import build_all, render


class PanelTarget(NamedTuple):
    """One query of a panel; `expression` still contains Grafana's variables."""

    dashboard: str  # uid
    panel: str  # title
    expression: str
    instant: bool


def panel_targets() -> tuple[PanelTarget, ...]:
    """Every query of every dashboard, in reading order."""
    documents = [json.loads(render(built)) for built in build_all()]
    return tuple(
        PanelTarget(document["uid"], panel["title"], target["expr"], target["instant"])
        for document in documents
        for panel in document["panels"]
        for target in panel.get("targets", [])
    )
