"""Tests, comparisons, explanations and studies in the browser, and models side by side."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.browser import DARK, GERMAN, NARROW, accessibility_violations, open_page
from tests.support.console_jobs import downloaded, finished

PARTS = ("importance", "contributions", "dependence", "calibration", "thresholds", "lift", "slices", "scores", "spec")
SEARCH = {
    "job_type": "TUNE",
    "model_name": "searched",
    "metric": "roc_auc",
    "trials": 6,
    "search": {
        "/params/C": {"low": 0.01, "high": 10.0, "log": True},
        "/class_balance": {"choices": ["none", "weights"]},
    },
    "train": {"model_type": "logistic_regression", "dataset_id": 1, "target": {"column": "target"}},
}


@pytest.fixture(scope="module")
def explanation(api: httpx.Client) -> int:
    """An explanation of the sample's first model."""
    spec = {"job_type": "EXPLAIN", "model_id": 1, "dataset_id": 1, "sample_rows": 150}
    return finished(api, spec)["explanation_id"]


@pytest.fixture(scope="module")
def study(api: httpx.Client) -> int:
    """A study of six trials."""
    return finished(api, SEARCH)["study_id"]


def table_with(page: Page, header: str) -> list[str]:
    """The first cells of the rows of the table with this column."""
    table = page.get_by_role("table").filter(has=page.get_by_role("columnheader", name=header))
    return [row.get_by_role("cell").first.inner_text() for row in table.get_by_role("row").all()[1:]]


@pytest.mark.browser
@pytest.mark.parametrize("page", [DARK, NARROW], indirect=True, ids=["dark", "narrow"])
def test_every_page_of_a_result_is_accessible_and_fits(page: Page, explanation: int, study: int) -> None:
    paths = ["/tests", "/comparisons", "/explanations", "/studies", "/comparisons/1", "/compare?ids=1,2"]
    paths += [f"/tests/1?tab={tab}" for tab in ("scores", "curves", "matrix", "facts")]
    paths += [f"/explanations/{explanation}?tab={part}" for part in PARTS]
    paths += [f"/studies/{study}?tab={tab}" for tab in ("history", "importances", "parallel")]
    for path in [*paths, f"/studies/{study}/trials"]:
        open_page(page, path)
        expect(page.get_by_role("alert")).to_have_count(0)
        assert accessibility_violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.browser
def test_two_models_are_selected_seen_side_by_side_and_compared(page: Page, api: httpx.Client) -> None:
    open_page(page, "/models?sort=oldest")
    page.get_by_label("Select 1", exact=True).check()
    expect(page.get_by_role("button", name="Compare")).to_be_disabled()
    page.get_by_label("Select 2", exact=True).check()
    page.get_by_role("button", name="Compare").click()
    expect(page).to_have_url(re.compile(r"/console/compare\?ids=1(,|%2C)2"))
    expect(page.get_by_role("cell", name="model_type")).to_be_visible()
    expect(page.get_by_role("cell", name="target.column")).to_have_count(0)
    page.get_by_label("Show also what is equal").check()
    expect(page.get_by_role("cell", name="target.column")).to_be_visible()
    page.get_by_label("By", exact=True).select_option("f1")
    page.get_by_role("button", name="Compare them").click()
    expect(page).to_have_url(re.compile(r"/console/jobs/\d+"))
    page.get_by_role("link", name=re.compile("^Comparison ")).click()
    expect(page.get_by_role("heading", name="Ranking by F1")).to_be_visible()
    found = api.get(f"/comparisons/{page.url.rsplit('/', 1)[1]}").json()
    assert (found["metric"], {row["model_id"] for row in found["ranking"]}) == ("f1", {1, 2})


def test_a_comparison_says_whether_the_difference_is_more_than_chance(page: Page, api: httpx.Client) -> None:
    significant = api.get("/comparisons/1").json()["significance"]["significant"]
    open_page(page, "/comparisons")
    page.locator("tbody a[href='/console/comparisons/1']").first.click()
    expect(page.get_by_text("by more than chance" if significant else "it may be chance")).to_be_visible()
    expect(page.get_by_text("has learned from this data set")).to_be_visible()


@pytest.mark.browser
def test_a_test_of_training_rows_warns(page: Page) -> None:
    open_page(page, "/tests")
    page.locator("tbody a[href='/console/tests/1']").first.click()
    expect(page.get_by_text("It has learned from some of these rows")).to_be_visible()
    page.get_by_role("tab", name="Curves").click()
    page.get_by_role("slider").press("End")
    expect(page.get_by_role("status").get_by_text("100%")).to_be_visible()


@pytest.mark.browser
def test_an_explanation_is_read_and_deleted(page: Page, api: httpx.Client) -> None:
    spec = {"job_type": "EXPLAIN", "model_id": 2, "dataset_id": 1, "sample_rows": 60}
    explanation_id = finished(api, spec | {"costs": {"false_positive": 1, "false_negative": 9}})["explanation_id"]
    open_page(page, f"/explanations/{explanation_id}?tab=thresholds")
    expect(page.get_by_label("Cost of “malignant” taken for “benign”")).to_have_value("9")
    page.get_by_role("tab", name="Lift").click()
    expect(page.get_by_text("times as many as without a model")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    expect(page).to_have_url("/console/explanations")
    assert api.get(f"/explanations/{explanation_id}").status_code == 404


def test_a_study_leads_from_its_history_to_its_best_model(page: Page, api: httpx.Client, study: int) -> None:
    open_page(page, "/studies")
    page.get_by_role("link", name=str(study), exact=True).first.click()
    rows = downloaded(page, page.get_by_role("button", name="CSV", exact=True)).read_text("utf-8").splitlines()
    assert len([row for row in rows[1:] if not row.endswith(",")]) == 6  # a best so far for each trial
    page.get_by_role("tab", name="Trials").click()
    expect(page).to_have_url(f"/console/studies/{study}/trials")
    expect(page.get_by_role("row")).to_have_count(7)  # with the head
    assert [name.removeprefix("★").strip() for name in table_with(page, "class_balance")] == list("123456")
    page.get_by_role("link", name="Open the best model").click()
    best = api.get(f"/studies/{study}").json()["best_model_id"]
    expect(page).to_have_url(f"/console/models/{best}")
    page.get_by_role("tab", name="Lineage").click()
    expect(page.get_by_role("link", name=re.compile("^Study Job"))).to_be_visible()


@pytest.mark.browser
def test_a_study_of_ten_thousand_trials_asks_little_and_says_what_it_leaves_out(page: Page, study: int) -> None:
    """The trials are answered here: nobody waits for ten thousand real ones."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        start = int(re.search(r"cursor=(\d+)", route.request.url)[1]) if "cursor=" in route.request.url else 0  # type: ignore[index]
        limit = int(re.search(r"limit=(\d+)", route.request.url)[1])  # type: ignore[index]
        items = [trial(number) for number in range(start + 1, start + limit + 1)]
        route.fulfill(json={"items": items, "next_cursor": str(start + limit)})

    def summary(route: Route) -> None:
        body = route.fetch().json() | {"trials": 10_000}
        route.fulfill(json=body)

    page.route(re.compile(rf"/api/v1/studies/{study}$"), summary)
    page.route(re.compile(rf"/api/v1/studies/{study}/trials"), answer)
    open_page(page, f"/studies/{study}?tab=parallel")
    expect(page.get_by_text("Drawn are 1,000 of 4,000 trials")).to_be_visible()
    expect(page.get_by_text("The pictures show the first 4,000 trials")).to_be_visible()
    assert len(asked) == 20
    assert page.locator("svg.picture path").count() <= 1_000 + 3
    asked.clear()
    page.get_by_role("tab", name="Trials").click()
    expect(page.get_by_role("row")).to_have_count(51)
    assert len(asked) == 1


@pytest.mark.browser
def test_a_drift_report_says_that_nothing_has_moved(page: Page, api: httpx.Client) -> None:
    report_id = finished(api, {"job_type": "DRIFT", "model_id": 1, "dataset_id": 1})["drift_report_id"]
    open_page(page, "/drift")
    page.get_by_role("link", name=str(report_id), exact=True).first.click()
    expect(page.get_by_text("as near to the training rows as chance allows")).to_be_visible()
    assert accessibility_violations(page) == []
    open_page(page, "/models/1?tab=lineage")
    expect(page.get_by_role("link", name=f"Drift report {report_id}")).to_be_visible()


@pytest.mark.browser
def test_a_study_is_watched_while_it_runs(page: Page, api: httpx.Client) -> None:
    job_id = api.post("/jobs", json=SEARCH | {"random_state": 7}).json()["id"]
    open_page(page, f"/jobs/{job_id}")
    expect(page.get_by_role("tab", name="History")).to_be_visible()
    expect(page.locator("canvas")).to_be_visible()
    page.get_by_role("button", name="Numbers").click()
    expect(page.get_by_role("columnheader", name="best so far")).to_be_visible()
    page.get_by_role("link", name=re.compile("^Study ")).click()
    expect(page.get_by_role("heading", name=re.compile("^Study "))).to_be_visible()


def trial(number: int) -> dict[str, Any]:
    """A trial as the API shows it."""
    values = {"/params/C": 0.01 * number, "/class_balance": ("none", "weights")[number % 2]}
    score = {"score": (number * 7919 % 1000) / 1000, "seconds": 0.1, "error": None}
    return {"number": number, "job_id": number, "status": "COMPLETED", "values": values, **score}


@pytest.mark.browser
@pytest.mark.parametrize("page", [GERMAN], indirect=True)
def test_results_in_german(page: Page, explanation: int, study: int) -> None:
    for path, text in (
        ("/tests/1", "Aus einigen dieser Zeilen hat es gelernt"),
        ("/comparisons/1", "Rangfolge nach"),
        (f"/explanations/{explanation}?tab=lift", "mal so viele wie ohne Modell"),
        (f"/studies/{study}?tab=parallel", "Eine Linie ist ein Versuch"),
    ):
        page.goto(f"/console{path}")
        expect(page.get_by_text(text).first).to_be_visible()
