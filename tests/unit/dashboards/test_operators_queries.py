"""The queries for operators use each metric as its type requires, and draw a limited number of lines."""

import re
from datetime import timedelta

import pytest

from tests.support.dashboards import Json, documents, operator_documents, panels, title_of
from tests.support.documented_metrics import documented_metrics
from tests.support.promql import SelectorInContext, selectors_in_context, series_names

OPERATOR_DASHBOARDS = operator_documents()
RATE_WINDOW, RANGE_WINDOW = timedelta(seconds=20), timedelta(hours=1)
COUNTER_FUNCTIONS = {"rate", "increase", "resets"}
PER_OBJECT_LABELS = {"job_id", "model_id", "worker", "process", "route"}
# On no dashboard -> why.
NOT_SHOWN = {
    "python_info": "ml_build_info shows the same",
    "python_gc_objects_uncollectable_total": "zero unless a C extension is broken",
}
METRICS = {metric.name: metric for metric in documented_metrics().values()}


def type_of(series: str) -> str:
    metric = METRICS.get(series) or METRICS.get(re.sub(r"_(bucket|sum|count)$", "", series))
    return metric.type if metric else "recorded"


def labels_of(series: str) -> set[str]:
    metric = METRICS.get(series) or METRICS.get(re.sub(r"_(bucket|sum|count)$", "", series))
    return set(metric.labels) if metric else set()


def targets(document: Json) -> list[Json]:
    return [target for panel in panels(document) for target in panel["targets"]]


def selectors_of(document: Json) -> list[SelectorInContext]:
    """Every selector of the dashboard's queries, with the functions around it."""
    return [found for target in targets(document) for found in selectors_in_context(target["expr"])]


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_counters_are_used_only_in_rates_and_increases(document: Json) -> None:
    for found in selectors_of(document):
        is_counter = type_of(found.name) in {"counter", "histogram"}
        assert is_counter == bool(COUNTER_FUNCTIONS & set(found.functions)), found


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_range_windows_are_variables_of_grafana(document: Json) -> None:
    for found in selectors_of(document):
        if found.window is not None:
            whole = set() if {"rate", "deriv"} & set(found.functions) else {RANGE_WINDOW}
            assert found.window in {RATE_WINDOW} | whole, found


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_an_instant_query_covers_the_visible_range_not_only_its_last_seconds(document: Json) -> None:
    for target in targets(document):
        if target["instant"]:
            windows = {found.window for found in selectors_in_context(target["expr"])}
            assert windows <= {None, RANGE_WINDOW}, target["expr"]


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_top_series_are_chosen_once_for_the_whole_range(document: Json) -> None:
    for target in targets(document):
        for found in selectors_in_context(target["expr"]):
            if target["range"] and {"topk", "bottomk"} & set(found.functions):
                assert found.at_end, target["expr"]


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_lines_per_job_model_worker_process_or_route_are_limited(document: Json) -> None:
    """A legend with such a label draws a line for each object: at most 20 lines, 10 bars, or the chosen job."""
    for target in targets(document):
        named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        if named & PER_OBJECT_LABELS:
            limit = "topk(10, " if target["instant"] else "topk(20, "
            assert limit in target["expr"] or 'job_id=~"$job_id"' in target["expr"]


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_a_table_is_grouped_by_its_columns_and_limited(document: Json) -> None:
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
    added_by_prometheus = {"job", "instance", "le", "alertstate"}
    for found in selectors_of(document):
        assert set(found.labels) <= labels_of(found.name) | added_by_prometheus, found


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_variables_and_annotations_use_documented_metrics(document: Json) -> None:
    for variable in document["templating"]["list"]:
        if match := re.fullmatch(r"label_values\((.+), (\w+)\)", variable.get("definition", "")):
            (name,) = series_names(match[1])
            assert match[2] in labels_of(name)
    for annotation in document["annotations"]["list"]:
        assert series_names(annotation["expr"]) <= set(METRICS)
        assert all(found.window == RATE_WINDOW for found in selectors_in_context(annotation["expr"]) if found.window)


def test_every_documented_metric_is_on_a_dashboard() -> None:
    texts = [
        target["expr"]
        for document in documents()
        for panel in document["panels"]
        for target in panel.get("targets", [])
    ]
    texts += [annotation["expr"] for document in documents() for annotation in document["annotations"].get("list", [])]
    shown = {
        re.sub(r"_(bucket|sum|count)$", "", name) if type_of(name) == "histogram" else name
        for text in texts
        for name in series_names(text)
    }
    assert set(METRICS) - shown == set(NOT_SHOWN)
