"""The operators' queries read each metric the way its type wants it, and draw a bounded number of lines."""

import re
from datetime import timedelta

import pytest

from tests.support.dashboards import Json, documents, operator_documents, panels, title_of
from tests.support.metrics_page import documented_metrics
from tests.support.promql import Selection, selections, series_names

OPERATOR_DASHBOARDS = operator_documents()
RATE_WINDOW, RANGE_WINDOW = timedelta(seconds=20), timedelta(hours=1)
OVER_COUNTERS = {"rate", "increase", "resets"}
PER_OBJECT = {"job_id", "model_id", "worker", "process", "route"}
# Not shown, with the reason.
UNSHOWN = {
    "python_info": "ml_build_info says it",
    "python_gc_objects_uncollectable_total": "zero unless a C extension is broken",
}
KINDS = {metric.name: metric for metric in documented_metrics().values()}


def kind_of(series: str) -> str:
    metric = KINDS.get(series) or KINDS.get(re.sub(r"_(bucket|sum|count)$", "", series))
    return metric.type if metric else "recorded"


def labels_of(series: str) -> set[str]:
    metric = KINDS.get(series) or KINDS.get(re.sub(r"_(bucket|sum|count)$", "", series))
    return set(metric.labels) if metric else set()


def targets(document: Json) -> list[Json]:
    return [target for panel in panels(document) for target in panel["targets"]]


def read(document: Json) -> list[Selection]:
    """Every selector of the dashboard's queries."""
    return [found for target in targets(document) for found in selections(target["expr"])]


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_counters_are_read_as_rates_or_increases_only(document: Json) -> None:
    for found in read(document):
        counts = kind_of(found.name) in {"counter", "histogram"}
        assert counts == bool(OVER_COUNTERS & set(found.functions)), found


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_windows_come_from_grafana(document: Json) -> None:
    for found in read(document):
        if found.window is not None:
            whole = set() if {"rate", "deriv"} & set(found.functions) else {RANGE_WINDOW}
            assert found.window in {RATE_WINDOW} | whole, found


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_a_number_of_now_counts_over_the_visible_range_not_over_its_last_seconds(document: Json) -> None:
    for target in targets(document):
        if target["instant"]:
            assert {found.window for found in selections(target["expr"])} <= {None, RANGE_WINDOW}, target["expr"]


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_top_n_over_time_is_chosen_once_for_the_whole_range(document: Json) -> None:
    for target in targets(document):
        for found in selections(target["expr"]):
            if target["range"] and {"topk", "bottomk"} & set(found.functions):
                assert found.at_end, target["expr"]


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_lines_per_job_model_worker_process_or_route_are_bounded(document: Json) -> None:
    """A legend that names one object means a line for each: at most 20 of them, 10 bars, or the one that was chosen."""
    for target in targets(document):
        named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        if named & PER_OBJECT:
            most = "topk(10, " if target["instant"] else "topk(20, "
            assert most in target["expr"] or 'job_id=~"$job_id"' in target["expr"]


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_a_table_is_grouped_by_its_columns_and_bounded(document: Json) -> None:
    for panel in panels(document):
        if panel["type"] == "table":
            order: dict[str, int] = panel["transformations"][-1]["options"]["indexByName"]
            columns = sorted(order, key=lambda name: order[name])
            labels = ", ".join(column for column in columns if not column.startswith("Value"))
            for target in panel["targets"]:
                assert f"max by ({labels})" in target["expr"]
                assert "job_id" not in labels or re.search(r"topk\((10|20), |\$job_id", target["expr"])


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_a_legend_names_only_labels_that_the_metrics_have(document: Json) -> None:
    for target in targets(document):
        known = set().union(*(labels_of(name) for name in series_names(target["expr"])))
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= known


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_a_selector_matches_on_labels_that_the_metric_has(document: Json) -> None:
    by_prometheus = {"job", "instance", "le", "alertstate"}
    for found in read(document):
        assert set(found.labels) <= labels_of(found.name) | by_prometheus, found


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_choices_and_annotations_ask_for_documented_metrics(document: Json) -> None:
    for variable in document["templating"]["list"]:
        if asked := re.fullmatch(r"label_values\((.+), (\w+)\)", variable.get("definition", "")):
            (name,) = series_names(asked[1])
            assert asked[2] in labels_of(name)
    for note in document["annotations"]["list"]:
        assert series_names(note["expr"]) <= set(KINDS)
        assert all(found.window == RATE_WINDOW for found in selections(note["expr"]) if found.window)


def test_every_documented_metric_stands_on_some_dashboard() -> None:
    texts = [
        target["expr"] for board in documents() for panel in board["panels"] for target in panel.get("targets", [])
    ]
    texts += [note["expr"] for board in documents() for note in board["annotations"].get("list", [])]
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) if kind_of(name) == "histogram" else name
             for text in texts for name in series_names(text)}  # fmt: skip
    assert set(KINDS) - shown == set(UNSHOWN)
