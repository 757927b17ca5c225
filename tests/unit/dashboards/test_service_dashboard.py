"""The dashboard for users has exactly the agreed panels, each with description, unit, thresholds and queries."""

import json
import re
from typing import Any

import pytest

from dashboards import build
from tests.support.dashboards import grid_cells
from tests.support.promql import parse, selectors, series_names

# The panels as the users' requirements list them: row, title, kind, metrics.
REQUIRED = """
| Service Health | Datenbank Status | Gauge | ml_db_connected |
| Service Health | Service Uptime | Time Series | ml_service_uptime_seconds |
| Service Health | Gesamt Modelle | Stat | ml_models_total |
| Service Health | Aktive Jobs | Stat | ml_active_jobs |
| Service Health | Job Progress | Gauge | ml_job_progress_percent |
| System-Ressourcen | Memory Usage | Time Series | process_resident_memory_bytes, process_virtual_memory_bytes |
| System-Ressourcen | CPU Usage | Time Series | process_cpu_seconds_total |
| System-Ressourcen | Python GC Collections | Time Series | python_gc_collections_total |
| System-Ressourcen | File Descriptors | Time Series | process_open_fds |
| ML-Metriken | Training Accuracy | Time Series | ml_training_accuracy |
| ML-Metriken | Test Accuracy | Time Series | ml_test_accuracy |
| ML-Metriken | Job Duration | Time Series | ml_job_duration_seconds |
| ML-Metriken | Python GC Objects Collected | Time Series | python_gc_objects_collected_total |
| ML-Metriken | Job Features Count | Time Series | ml_job_features_count |
| ML-Metriken | Job Phases Count | Time Series | ml_job_phases_count |
"""
KINDS = {"Gauge": "gauge", "Stat": "stat", "Time Series": "timeseries"}
UNITS = {
    "Datenbank Status": "none",
    "Service Uptime": "s",
    "Gesamt Modelle": "none",
    "Aktive Jobs": "none",
    "Job Progress": "percent",
    "Memory Usage": "bytes",
    "CPU Usage": "percentunit",
    "Python GC Collections": "ops",
    "File Descriptors": "none",
    "Training Accuracy": "percentunit",
    "Test Accuracy": "percentunit",
    "Job Duration": "s",
    "Python GC Objects Collected": "cps",
    "Job Features Count": "none",
    "Job Phases Count": "none",
}
DOCUMENT: dict[str, Any] = json.loads((build.HERE / "dashboard_ml_training_service.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DOCUMENT["panels"] if panel["type"] != "row"]


def required_panels() -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in REQUIRED.strip().splitlines()]


def panels_in_order() -> list[tuple[str, str, str]]:
    """(row, title, type) of every panel in reading order."""
    row, found = "", []
    for panel in DOCUMENT["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
        else:
            found.append((row, panel["title"], panel["type"]))
    return found


def panel_named(title: str) -> dict[str, Any]:
    return next(panel for panel in PANELS if panel["title"] == title)


def test_rows_titles_kinds_and_order_are_the_required_ones() -> None:
    assert panels_in_order() == [(row, title, KINDS[kind]) for row, title, kind, _ in required_panels()]


def test_the_german_guide_lists_the_same_panels() -> None:
    guide = (build.HERE / "README.de.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \*\*(.+?)\*\* \((Gauge|Stat|Time Series)\)", guide, flags=re.MULTILINE)
    assert [(title, KINDS[kind]) for title, kind in listed] == [(title, kind) for _, title, kind in panels_in_order()]


@pytest.mark.parametrize(("title", "metrics"), [(row[1], row[3].split(", ")) for row in required_panels()])
def test_a_panel_shows_the_required_metrics(title: str, metrics: list[str]) -> None:
    targets = panel_named(title)["targets"]
    assert len(targets) == len(metrics)
    for target, metric in zip(targets, metrics, strict=True):
        assert selectors(target["expr"])[0].name == metric


def test_panels_are_numbered_in_reading_order() -> None:
    assert [panel["id"] for panel in DOCUMENT["panels"]] == list(range(1, len(DOCUMENT["panels"]) + 1))


def test_the_grid_has_no_overlap_and_reads_in_panel_order() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in DOCUMENT["panels"]:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        occupied = grid_cells(panel)
        assert not occupied & cells, panel["title"]
        cells |= occupied
    positions = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in DOCUMENT["panels"]]
    assert positions == sorted(positions)


def test_it_shows_the_last_hour_with_a_dark_theme_and_refreshes_every_ten_seconds() -> None:
    assert DOCUMENT["refresh"] == "10s"
    assert DOCUMENT["time"] == {"from": "now-1h", "to": "now"}
    assert DOCUMENT["style"] == "dark"


def test_the_data_source_is_a_variable_so_that_import_and_provisioning_both_resolve_it() -> None:
    (variable,) = DOCUMENT["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("DS_PROMETHEUS", "datasource", "prometheus")
    assert "__inputs" not in DOCUMENT
    chosen = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
    for panel in PANELS:
        assert [panel["datasource"], *(target["datasource"] for target in panel["targets"])] == [chosen] * (
            1 + len(panel["targets"])
        )


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_panel_has_description_unit_thresholds_and_a_text_for_no_value(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert len(panel["description"]) > 20
    assert defaults["unit"] == UNITS[panel["title"]]
    assert defaults["thresholds"]["steps"][0]["value"] is None
    assert defaults["noValue"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_queries_are_instant_in_stats_and_gauges_and_ranges_in_time_series(panel: dict[str, Any]) -> None:
    instant = panel["type"] != "timeseries"
    assert [target["refId"] for target in panel["targets"]] == ["A", "B"][: len(panel["targets"])]
    for target in panel["targets"]:
        assert (target["instant"], target["range"]) == (instant, not instant)
        assert target["legendFormat"]
        parse(target["expr"])


def test_job_progress_shows_the_five_running_jobs_with_the_most_progress() -> None:
    panel = panel_named("Job Progress")
    assert panel["targets"][0]["expr"] == (
        'topk(5, ml_job_progress_percent and on(job_id) ml_job_status{status="RUNNING"})'
    )
    assert panel["fieldConfig"]["defaults"]["noValue"] == "kein laufender Job"


@pytest.mark.parametrize(
    ("title", "metric", "key"),
    [
        ("Training Accuracy", "ml_training_accuracy", "model_id"),
        ("Test Accuracy", "ml_test_accuracy", "model_id"),
        ("Job Duration", "ml_job_duration_seconds", "job_id"),
        ("Job Features Count", "ml_job_features_count", "job_id"),
        ("Job Phases Count", "ml_job_phases_count", "job_id"),
    ],
)
def test_series_per_job_or_model_are_limited_over_the_whole_range(title: str, metric: str, key: str) -> None:
    (target,) = panel_named(title)["targets"]
    assert target["expr"] == f"{metric} and on({key}) topk(20, max_over_time({metric}[$__range] @ end()))"


def test_process_metrics_are_those_of_the_exporter_only() -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            if any(name.startswith(("process_", "python_")) for name in series_names(target["expr"])):
                assert target["expr"].endswith(" and on(job, instance) ml_db_connected")
