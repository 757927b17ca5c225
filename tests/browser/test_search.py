"""Lists searched by the beginning of a name, in the browser: the text is part of the address."""

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import GERMAN, accessibility_violations, open_page
from tests.support.console_jobs import train


def rows(page: Page) -> Locator:
    return page.locator("tbody").get_by_role("row")


@pytest.fixture(scope="module")
def jobs(api: httpx.Client) -> list[int]:
    """Jobs of three names, the first of them cancelled."""
    ids = [train(api, model_name=name, params={"n_estimators": 5}) for name in ("Quest-2", "quest", "Quest", "other")]
    for job_id in ids:
        api.get(f"/jobs/{job_id}?wait=60")
    return ids


def test_jobs_are_found_while_one_types_and_a_link_shows_the_same(page: Page, jobs: list[int]) -> None:
    open_page(page, "/jobs?job_type=TRAIN")
    search = page.get_by_label("Model name")
    search.press_sequentially("qUe")
    expect(page).to_have_url("/console/jobs?q=qUe")
    expect(rows(page)).to_have_count(3)
    found = [int(text) for text in page.locator("tbody td:nth-child(2)").all_inner_texts()]
    assert found == [jobs[2], jobs[1], jobs[0]]
    expect(page.get_by_label("Sort")).to_be_disabled()
    page.get_by_label("Status").select_option("FAILED")
    expect(page).to_have_url("/console/jobs?status=FAILED&q=qUe")
    expect(page.get_by_role("link", name="Remove the filter")).to_be_visible()
    page.reload()
    expect(search).to_have_value("qUe")
    page.get_by_label("Type", exact=True).select_option("TRAIN")
    expect(search).to_have_value("")
    expect(page).to_have_url("/console/jobs?job_type=TRAIN&status=FAILED")
    assert accessibility_violations(page) == []


@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "label", "name"),
    [("models", "Name", "Quest-2"), ("datasets", "Name", "breast_cancer")],
)
def test_models_and_data_sets_are_found_too(page: Page, jobs: list[int], path: str, label: str, name: str) -> None:
    open_page(page, f"/{path}")
    page.get_by_label(label, exact=True).fill(name.upper())
    expect(page).to_have_url(re.compile(rf"/console/{path}\?q="))
    expect(rows(page).first).to_contain_text(name)
    expect(rows(page)).to_have_count(1)
    page.get_by_label(label, exact=True).fill("%")
    expect(rows(page)).to_have_count(0)
    page.get_by_label(label, exact=True).fill("")
    expect(page).to_have_url(f"/console/{path}")
    expect(rows(page).first).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("page", [GERMAN], indirect=True)
def test_the_order_is_told_in_german(page: Page, jobs: list[int]) -> None:
    open_page(page, "/jobs?q=quest")
    expect(page.get_by_label("Reihenfolge")).to_contain_text("nach Namen")
    expect(page.get_by_label("Modellname")).to_have_value("quest")


@pytest.mark.browser
def test_a_filter_is_kept_under_a_name_for_its_list_alone(page: Page, jobs: list[int]) -> None:
    open_page(page, "/jobs?status=COMPLETED&q=quest")
    page.get_by_role("button", name="Save this filter").click()
    name = page.get_by_label("Name of the filter")
    expect(name).to_be_focused()
    page.keyboard.press("Escape")
    expect(name).to_have_count(0)
    page.get_by_role("button", name="Save this filter").click()
    expect(name).to_be_focused()
    page.keyboard.type("<b>done</b>")
    page.keyboard.press("Enter")
    saved = page.get_by_role("group", name="Saved filters")
    link = saved.get_by_role("link", name="<b>done</b>")
    expect(link).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("button", name="Save this filter")).to_have_count(0)
    assert accessibility_violations(page) == []
    open_page(page, "/models")
    expect(saved).to_have_count(0)
    open_page(page, "/jobs")
    link.click()
    expect(page).to_have_url("/console/jobs?status=COMPLETED&q=quest")
    expect(rows(page)).to_have_count(3)
    expect(page.get_by_label("Model name")).to_have_value("quest")
    saved.get_by_role("button", name="Forget the filter <b>done</b>").click()
    page.get_by_label("Status").select_option("")
    page.get_by_label("Model name").fill("")
    expect(saved).to_have_count(0)
    page.evaluate("localStorage.setItem('ml-training-filters', '{\"/jobs\": [7, {\"name\": 1}]}')")
    open_page(page, "/jobs")
    expect(rows(page).first).to_be_visible()
