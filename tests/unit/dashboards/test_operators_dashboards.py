"""Dashboards for operators: grid, descriptions, units, thresholds, legends, variables, annotations, menu."""

import re
from collections import Counter

import pytest

from dashboards import build, links
from dashboards.value_labels import STATUS
from tests.support.dashboards import (
    Json,
    documents,
    grid_cells,
    operator_documents,
    panels,
    title_of,
)

UNITS = {"none", "s", "bytes", "percent", "percentunit", "reqps"}
TYPES = {"stat", "gauge", "timeseries", "bargauge", "table", "state-timeline"}
OPERATOR_DASHBOARDS = operator_documents()
FIRST_CHOICE = {"score": "accuracy", "split": "held_out"}  # different scores do not compare
VARIABLE = re.compile(r"\$\{?([a-zA-Z]\w*)")


def variables(document: Json) -> dict[str, Json]:
    return {variable["name"]: variable for variable in document["templating"]["list"]}


def test_each_dashboard_has_its_own_name_address_and_file() -> None:
    assert [document["uid"] for document in OPERATOR_DASHBOARDS] == [
        links.OVERVIEW,
        links.FLEET,
        links.JOB,
        links.MODELS,
        links.INTERNALS,
    ]
    for key in ("uid", "title"):
        assert max(Counter(document[key] for document in documents()).values()) == 1
    assert {path.name for path in build.HERE.glob("*.json")} == set(build.DASHBOARDS)


@pytest.mark.parametrize("document", documents(), ids=title_of)
def test_panels_are_numbered_once_and_the_grid_has_neither_gap_nor_overlap(document: Json) -> None:
    assert [panel["id"] for panel in document["panels"]] == list(range(1, len(document["panels"]) + 1))
    cells: Counter[tuple[int, int]] = Counter()
    for panel in document["panels"]:
        cells.update(grid_cells(panel))
    bottom = max(y for _, y in cells) + 1
    assert set(cells) == {(x, y) for x in range(24) for y in range(bottom)}
    assert max(cells.values()) == 1


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_a_dashboard_is_generated_read_only_and_shares_its_crosshair(document: Json) -> None:
    assert document["editable"] is False
    assert document["graphTooltip"] == 1
    assert document["refresh"] == "10s"
    assert "ml-training" in document["tags"]
    assert document["panels"][0]["type"] == "row"
    assert len(document["description"]) > 40


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_titles_of_panels_and_rows_are_unique_in_a_dashboard(document: Json) -> None:
    for kind in (panels(document), [panel for panel in document["panels"] if panel["type"] == "row"]):
        assert max(Counter(panel["title"] for panel in kind).values()) == 1


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_a_panel_has_title_description_unit_thresholds_and_a_text_for_no_value(document: Json) -> None:
    for panel in panels(document):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["type"] in TYPES
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert defaults["noValue"], panel["title"]
        assert defaults["unit"] in UNITS or defaults["unit"].startswith("suffix:"), panel["title"]
        assert defaults["thresholds"]["steps"][0]["value"] is None, panel["title"]


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_a_panel_queries_the_chosen_data_source_and_names_its_lines(document: Json) -> None:
    chosen = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
    assert document["templating"]["list"][0]["name"] == "DS_PROMETHEUS"
    for panel in panels(document):
        ranges = panel["type"] in {"timeseries", "state-timeline"}
        targets = panel["targets"]
        assert targets
        assert [panel["datasource"], *(target["datasource"] for target in targets)] == [chosen] * (1 + len(targets))
        assert [target["refId"] for target in targets] == list("ABCDEFG"[: len(targets)])
        assert {(target["range"], target["instant"]) for target in targets} == {(ranges, not ranges)}, panel["title"]
        assert {target.get("format") == "table" for target in targets} == {panel["type"] == "table"}, panel["title"]
        legends = [target["legendFormat"] for target in targets]
        assert all(legends)
        assert len(set(legends)) == len(legends), panel["title"]


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_dashed_lines_are_drawn_only_for_thresholds(document: Json) -> None:
    for panel in panels(document):
        defaults = panel["fieldConfig"]["defaults"]
        drawn = "thresholdsStyle" in defaults.get("custom", {})
        assert not drawn or len(defaults["thresholds"]["steps"]) > 1, panel["title"]


@pytest.mark.parametrize("document", documents(), ids=title_of)
def test_the_legend_of_many_lines_is_on_the_right(document: Json) -> None:
    """Below a graph Grafana shows three rows of a legend and hides the others."""
    for panel in panels(document):
        if panel["type"] == "timeseries":
            many = any("topk(" in target["expr"] for target in panel["targets"])
            legend = panel["options"]["legend"]
            assert legend["placement"] == "right" or not many, panel["title"]
            assert (legend["displayMode"] == "table") == (legend["placement"] == "right"), panel["title"]


def test_a_status_has_the_same_colour_in_graphs_and_tables() -> None:
    overview = OPERATOR_DASHBOARDS[0]
    (panel,) = [panel for panel in panels(overview) if panel["title"] == "Jobs ended"]
    colors = {
        override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"]
    }
    assert colors == dict(STATUS.values())


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_every_variable_is_used_and_every_used_variable_exists(document: Json) -> None:
    defined = variables(document)
    texts = [target["expr"] for panel in panels(document) for target in panel["targets"]]
    texts += [variable["definition"] for variable in defined.values() if "definition" in variable]
    texts += [str(panel) for panel in document["panels"]]
    used = {name for text in texts for name in VARIABLE.findall(text) if not name.startswith("__")}
    assert used == set(defined)


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_choices_refresh_when_the_time_range_changes_and_all_matches_any_value(document: Json) -> None:
    for name, variable in variables(document).items():
        if variable["type"] != "query":
            continue
        assert variable["refresh"] == 2
        assert variable["definition"] == variable["query"]["query"]
        assert variable["definition"].endswith(f", {name})")
        if name != "job_id":
            assert (variable["multi"], variable["includeAll"], variable["allValue"]) == (True, True, ".+")
            assert variable["current"]["value"] == [FIRST_CHOICE.get(name, "$__all")]


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_failures_and_restarts_are_annotated_in_every_graph(document: Json) -> None:
    annotations = document["annotations"]["list"]
    assert [annotation["name"] for annotation in annotations] == ["Failed jobs", "API restarts", "Exporter restarts"]
    for annotation in annotations:
        assert annotation["enable"]
        assert annotation["expr"].endswith("> 0") or " > 0 and " in annotation["expr"]
        assert annotation["step"] == "60s"


@pytest.mark.parametrize("document", OPERATOR_DASHBOARDS, ids=title_of)
def test_the_dashboards_menu_lists_all_of_them_and_keeps_the_time(document: Json) -> None:
    (menu,) = document["links"]
    assert (menu["type"], menu["asDropdown"], menu["keepTime"]) == ("dashboards", True, True)
    assert "placement" not in menu
    assert all(set(menu["tags"]) <= set(other["tags"]) for other in documents())
