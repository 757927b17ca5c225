"""Reads the metrics from the tables of docs/metrics.md, for tests that compare the code with the document."""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
COLUMNS = 5  # metric, type, unit, labels, meaning


@dataclass(frozen=True)
class DocumentedMetric:
    """One row; `name` is the sample name of a counter or gauge, and the family name of a histogram."""

    name: str
    type: str
    labels: tuple[str, ...]


def documented_metrics() -> dict[str, DocumentedMetric]:
    """Every metric of the page by name; raises AssertionError for a row that cannot be read or is there twice."""
    found: dict[str, DocumentedMetric] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("| `"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == COLUMNS, f"docs/metrics.md: not {COLUMNS} cells: {line}"
        name = cells[0].strip("`")
        assert name not in found, f"docs/metrics.md: twice: {name}"
        found[name] = DocumentedMetric(name=name, type=cells[1], labels=tuple(re.findall(r"`(\w+)`", cells[3])))
    return found


def documented_series() -> set[str]:
    """The series names of the metrics; a histogram has three."""
    names: set[str] = set()
    for metric in documented_metrics().values():
        suffixes = ("_bucket", "_sum", "_count") if metric.type == "histogram" else ("",)
        names |= {metric.name + suffix for suffix in suffixes}
    return names
