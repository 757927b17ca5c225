"""The parts of `make observe` and `make screenshots` that can be tested without a server."""

import json
from pathlib import Path

import pytest
import yaml

from tools.observe.checks import Finding
from tools.observe.expressions import committed_dashboards, interpolate, interval_variables
from tools.observe.page_server import DrawnPage, hide_host_name
from tools.observe.prometheus_server import CONFIGURATION_FOLDER, QueryResult, configuration
from tools.observe.report import render_report
from tools.observe.screenshots import LARGEST_BYTES, RENDER, Screenshot, height_of, problems_of


def test_variables_are_replaced_in_each_notation_of_grafana() -> None:
    values = {"job_id": "7", "job_type": ".+"}
    assert interpolate('m{a="$job_id", b=~"${job_type:regex}", c="${job_id}"}', values) == 'm{a="7", b=~".+", c="7"}'


def test_an_undefined_variable_is_an_error() -> None:
    with pytest.raises(KeyError):
        interpolate("m[$__unknown]", {})


@pytest.mark.parametrize(("min_interval", "window"), [(None, "4s"), ("1s", "4s"), ("1m", "61s"), ("5m", "301s")])
def test_a_rate_window_holds_at_least_four_scrapes_and_more_than_a_step(min_interval: str | None, window: str) -> None:
    assert interval_variables(min_interval)["__rate_interval"] == window


def test_the_observed_prometheus_differs_from_the_shipped_one_in_target_token_and_intervals_only() -> None:
    shipped = yaml.safe_load((CONFIGURATION_FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    ours = yaml.safe_load(configuration("http://127.0.0.1:1234"))
    assert ours["scrape_configs"][0].pop("static_configs") == [{"targets": ["127.0.0.1:1234"]}]
    shipped["scrape_configs"][0].pop("static_configs")
    assert shipped["scrape_configs"][0].pop("authorization")
    assert ours["scrape_configs"] == shipped["scrape_configs"]
    assert [Path(name).relative_to(CONFIGURATION_FOLDER).as_posix() for name in ours["rule_files"]] == shipped[
        "rule_files"
    ]


def test_the_report_puts_problems_first_and_escapes_pipes_in_queries() -> None:
    found = [
        Finding("board", "Workers", "max(a)", QueryResult(1, 1, 0, "3")),
        Finding("board", "Jobs", 'max(b{c=~"d|e"})', QueryResult(0, 0, 0, ""), problem="no data"),
    ]
    text = render_report(found, title="Run", facts={}, alerts={"NoWorkers": "inactive"})
    assert text.index("**board, Jobs: no data**") < text.index("## board")
    assert '| Jobs | `max(b{c=~"d\\|e"})` | 0 |  | no data |' in text
    assert "with data 1" in text


def test_the_render_project_is_pinned_and_its_lock_names_no_registry() -> None:
    package = json.loads((RENDER / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((RENDER / "package-lock.json").read_text(encoding="utf-8"))
    assert all(version[0].isdigit() for version in package["dependencies"].values())
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    others = {name: entry for name, entry in lock["packages"].items() if name}
    assert not any("resolved" in entry for entry in others.values())
    assert all(entry["integrity"].startswith("sha512-") for entry in others.values())


def test_problems_of_a_picture_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "board.png"
    file.write_bytes(b"small")
    right = {"title": "Jobs", "isDone": True, "isBlank": False, "frames": 1, "errors": []}
    for wrong, problems in (
        ({}, []),
        ({"frames": 0, "isBlank": True}, []),
        ({"isBlank": True}, ["Jobs: data, but no line"]),
        ({"isDone": False}, ["Jobs: no answer"]),
        ({"errors": ["bad query"]}, ["Jobs: bad query"]),
    ):
        assert problems_of(Screenshot("board", file, DrawnPage(panels=[{**right, **wrong}]))) == problems
    assert problems_of(Screenshot("board", file, DrawnPage(errors=["oops"]))) == ["oops", "the page reported nothing"]
    file.write_bytes(b"x" * (LARGEST_BYTES + 1))
    (problem,) = problems_of(Screenshot("board", file, DrawnPage(panels=[right])))
    assert "bytes" in problem


def test_no_picture_contains_the_machines_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "build-7")
    assert (
        hide_host_name(b'{"worker":"worker@build-7-12","n":"build-7"}') == b'{"worker":"worker@host-12","n":"build-7"}'
    )


def test_a_picture_is_high_enough_for_every_panel() -> None:
    for document in committed_dashboards().values():
        lowest = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in document["panels"])
        assert height_of(document) > 38 * lowest
