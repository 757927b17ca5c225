"""Models in the browser: the list, one model with all that is known about it, its names, its files, its threshold."""

import json
import re
import zipfile
from pathlib import Path

import httpx
import pandas
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import DARK, GERMAN, NARROW, Problems, accessibility_violations, open_page
from tests.support.console_jobs import downloaded, finished

TABS = ("scores", "curves", "matrix", "calibration", "importance", "dependence", "splits", "lineage", "use", "spec")
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def explained(api: httpx.Client) -> int:
    """The sample's first model, with an explanation."""
    finished(api, {"job_type": "EXPLAIN", "model_id": 1, "dataset_id": 1, "sample_rows": 200})
    return 1


def counts(page: Page) -> list[str]:
    """The four numbers of the decisions at the chosen threshold."""
    return page.locator("table.outcome td.numeric").all_inner_texts()


def test_a_model_is_found_opened_and_its_views_are_addresses(page: Page) -> None:
    open_page(page, "/models")
    page.get_by_label("Model type").select_option("random_forest")
    expect(page).to_have_url("/console/models?model_type=random_forest")
    page.get_by_role("link", name="breast_cancer-random_forest").click()
    expect(page).to_have_url("/console/models/2")
    expect(page.get_by_text("better than the base line by more than chance")).to_be_visible()
    page.get_by_role("tab", name="Confusion matrix").click()
    expect(page).to_have_url("/console/models/2?tab=matrix")
    page.reload()
    expect(page.get_by_role("rowheader", name="malignant")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("page", [DARK, NARROW], indirect=True, ids=["dark", "narrow"])
def test_every_view_of_a_model_is_accessible_and_fits(page: Page, explained: int) -> None:
    for path in ("/models", *(f"/models/{explained}?tab={tab}" for tab in TABS)):
        open_page(page, path)
        expect(page.get_by_role("alert")).to_have_count(0)
        assert accessibility_violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.browser
def test_the_keyboard_moves_the_threshold_and_costs_find_the_cheapest(page: Page) -> None:
    open_page(page, "/models/1?tab=curves")
    before = counts(page)
    slider = page.get_by_role("slider")
    slider.press("End")
    assert counts(page) != before
    expect(page.get_by_role("status").get_by_text("100%")).to_be_visible()
    assert counts(page)[2] == "0"  # nobody is missed when all rows are called positive
    page.get_by_label("Cost of “malignant” taken for “benign”").fill("1000")
    page.get_by_role("button", name="Move to the cheapest").click()
    assert counts(page)[2] == "0"
    page.get_by_label("Cost of “malignant” taken for “benign”").fill("0")
    page.get_by_role("button", name="Move to the cheapest").click()
    assert counts(page)[1] == "0"


@pytest.mark.browser
def test_an_alias_moves_between_versions_after_a_question(page: Page, api: httpx.Client) -> None:
    spec = api.get("/models/2/spec").json()
    newer = finished(api, spec)["model_id"]
    api.patch("/models/2", json={"aliases": ["champion"]})
    open_page(page, f"/models/{newer}")
    page.get_by_text("Aliases, tags, description").click()
    questions: list[str] = []
    page.on("dialog", lambda dialog: (questions.append(dialog.message), dialog.accept()))
    page.get_by_label("New alias").fill("champion")
    page.get_by_role("button", name="Add").first.click()
    expect(page.get_by_role("listitem").filter(has_text="champion")).to_be_visible()
    assert questions == [
        "“champion” now points to breast_cancer-random_forest v1. Move it to breast_cancer-random_forest v2?"
    ]
    assert api.get("/models/2").json()["aliases"] == []
    page.get_by_label("Description").fill("for the second clinic")
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    assert api.get(f"/models/{newer}").json()["description"] == "for the second clinic"
    page.get_by_role("button", name="Remove champion").click()
    expect(page.get_by_role("listitem").filter(has_text="champion")).to_have_count(0)
    page.get_by_text("History of the aliases").click()
    moves = page.get_by_role("region", name="History of the aliases").get_by_role("row")
    expect(moves).to_have_count(4)
    expect(moves.nth(1)).to_contain_text("nothing")
    expect(moves.nth(2).get_by_role("link", name="breast_cancer-random_forest v2")).to_be_visible()
    assert accessibility_violations(page) == []


@pytest.mark.browser
def test_the_service_says_what_is_wrong_with_a_name(page: Page, problems: Problems) -> None:
    problems.expected = ("422",)
    open_page(page, "/models/1")
    page.get_by_text("Aliases, tags, description").click()
    page.get_by_label("New tag").fill("not a tag!")
    page.get_by_role("button", name="Add").last.click()
    expect(page.get_by_role("alert").get_by_text("/tags/0")).to_be_visible()


@pytest.mark.browser
def test_the_model_its_report_and_its_matrix_are_saved(page: Page, api: httpx.Client) -> None:
    open_page(page, "/models/1?tab=use")
    archive = downloaded(page, page.get_by_role("button", name="Download the model"))
    assert json.loads(zipfile.ZipFile(archive).read("manifest.json"))["model_type"] == "lightgbm"
    card = downloaded(page, page.get_by_role("button", name="Report"))
    assert card.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    page.get_by_role("tab", name="Importance").click()
    picture = downloaded(page, page.get_by_role("button", name="SVG", exact=True).first)
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    assert "var(" not in picture.read_text(encoding="utf-8")


@pytest.mark.browser
def test_an_unexplained_model_is_explained_by_a_button(page: Page) -> None:
    open_page(page, "/models/2?tab=calibration")
    page.get_by_role("button", name="Explain this model").click()
    expect(page).to_have_url(re.compile("/console/jobs/\\d+"))
    expect(page.get_by_role("link", name=re.compile("^Explanation "))).to_be_visible()


@pytest.mark.browser
def test_the_code_on_the_page_runs(page: Page, api: httpx.Client, tmp_path: Path) -> None:
    open_page(page, "/models/1?tab=use")
    archive = downloaded(page, page.get_by_role("button", name="Download the model"))
    archive.rename(tmp_path / "breast_cancer-lightgbm.zip")
    codes = page.locator(".copyable pre").all_inner_texts()
    assert len(codes) == 3
    rows = tmp_path / "rows.csv"
    pandas.DataFrame(api.get("/datasets/1/preview?limit=5").json()["items"]).to_csv(rows, index=False)
    for code in codes:
        namespace: dict[str, object] = {}
        local = code.replace('"rows.csv"', repr(str(rows))).replace(
            '"breast_cancer-lightgbm.zip"', repr(str(tmp_path / "breast_cancer-lightgbm.zip"))
        )
        exec(compile(local, "page", "exec"), namespace)  # noqa: S102 - the code that the page shows


@pytest.mark.browser
def test_classes_and_columns_of_any_name_are_only_text(page: Page, api: httpx.Client) -> None:
    rows = "\n".join(f"{row % 7},{row % 5},{'=1+1' if row % 3 else HOSTILE}" for row in range(200))
    form = {"name": "hostile"}
    made = api.post("/datasets?wait=60", data=form, files={"file": ("hostile.csv", f"{HOSTILE},b,label\n{rows}\n")})
    spec = {"job_type": "TRAIN", "model_name": "hostile", "model_type": "lightgbm", "target": {"column": "label"}}
    model_id = finished(api, {**spec, "dataset_id": made.json()["id"], "params": {"n_estimators": 5}})["model_id"]
    finished(api, {"job_type": "EXPLAIN", "model_id": model_id, "dataset_id": made.json()["id"]})
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for tab in TABS:
        open_page(page, f"/models/{model_id}?tab={tab}")
        expect(page.locator("main img")).to_have_count(0)
    open_page(page, f"/models/{model_id}?tab=matrix")
    expect(page.get_by_role("rowheader", name=HOSTILE)).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("page", [GERMAN], indirect=True)
def test_a_model_in_german(page: Page) -> None:
    page.goto("/console/models/1")
    expect(page.get_by_text("um mehr als Zufall besser als die Grundlinie")).to_be_visible()
    page.get_by_role("tab", name="Aufteilung").click()
    expect(page.get_by_text("Zufällige 20 %")).to_be_visible()
    page.get_by_role("tab", name="Herkunft").click()
    expect(page.get_by_role("link", name="Datensatz breast_cancer v1")).to_be_visible()
