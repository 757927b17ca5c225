"""The console without a mouse: these tests press keys only, and look at every stop whether the focus can be seen."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Dialog, Locator, Page, expect

from tests.support.browser import open_page
from tests.support.console_jobs import finished, train

pytestmark = pytest.mark.slow
NAVIGATION = ("Jobs", "Data sets", "Models", "Predictions", "Studies", "Workers", "Access", "Overview")
LISTS = ("Jobs", "Data sets", "Models", "Predictions", "Studies")
MOST_STOPS = 300
LONG = {"model_name": "long", "params": {"n_estimators": 5000, "learning_rate": 0.001}}
SEEN = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const isSeen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.height > 0
    && box.bottom > 0 && box.top < innerHeight;
  return [element.localName, isSeen, element.outerHTML.slice(0, 120)];
}"""
IS_FOCUSED = "element => element === document.activeElement"


def look(page: Page) -> str:
    """The name of the element that has the focus, which must be visible."""
    name, is_seen, markup = page.evaluate(SEEN)
    assert name != "body", "the focus is lost"
    assert is_seen, f"nobody sees the focus on {markup}"
    return str(name)


def tab_to(page: Page, wanted: Locator, key: str = "Tab") -> None:
    """Press a key until the element has the focus."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_STOPS):
        page.keyboard.press(key)
        if key == "Tab" and page.evaluate("document.activeElement === document.body"):
            page.keyboard.press(key)  # behind the last element is the browser itself, and then the first one
            expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        look(page)
        if wanted.evaluate(IS_FOCUSED):
            return
    raise AssertionError(f"{MOST_STOPS} times {key} do not lead to {wanted}")


def press(page: Page, wanted: Locator) -> None:
    """Go to a link or a button and press it."""
    tab_to(page, wanted)
    page.keyboard.press("Enter")


def expect_heading(page: Page, name: str | re.Pattern[str]) -> None:
    """The page has been opened, and its heading has the focus."""
    heading = page.get_by_role("heading", level=1, name=name)
    expect(heading).to_be_focused()
    look(page)


def navigation(page: Page, name: str) -> Locator:
    return page.get_by_role("navigation", name="Menu").get_by_role("link", name=name, exact=True)


def answer_dialogs(page: Page, *answers: bool) -> list[str]:
    """Escape or Enter in the dialogs that come; the texts of those that came."""
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        if answers[len(asked) - 1]:
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", answer)
    return asked


@pytest.fixture(scope="module")
def things(api: httpx.Client) -> None:
    """Every list has a row."""
    finished(api, {"job_type": "PREDICT", "model_id": 1, "rows": [{"mean radius": 14.0}]})
    search = {"/params/n_estimators": {"low": 5, "high": 20}}
    tune: dict[str, Any] = {"job_type": "TUNE", "model_name": "by-keys", "search": search, "metric": "roc_auc"}
    train = {"model_type": "lightgbm", "dataset_id": 1, "target": {"column": "target"}}
    finished(api, {**tune, "train": train, "trials": 2, "generation": 2})


@pytest.mark.browser
@pytest.mark.usefixtures("things")
def test_every_page_and_the_first_row_of_each_list_is_reached(page: Page) -> None:
    open_page(page, "/")
    for name in NAVIGATION:
        press(page, navigation(page, name))
        expect_heading(page, name)
        if name in LISTS:
            press(page, page.locator("tbody").get_by_role("link").first)
            expect(page.get_by_role("heading", level=1, name=name, exact=True)).to_have_count(0)
            expect_heading(page, re.compile("."))


def test_the_way_back_leads_to_the_heading_too(page: Page) -> None:
    open_page(page, "/jobs")
    press(page, page.locator("tbody").get_by_role("link").first)
    expect_heading(page, re.compile(r"^Job \d+"))
    page.go_back()  # a key of the browser, which a test cannot press
    expect_heading(page, "Jobs")


@pytest.mark.browser
def test_the_skip_link_leads_past_the_navigation(page: Page) -> None:
    open_page(page, "/jobs")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator("main").evaluate("main => main.contains(document.activeElement)")


def test_a_job_is_made_by_keys(page: Page, api: httpx.Client) -> None:
    open_page(page, "/")
    press(page, page.get_by_role("banner").get_by_role("link", name="New job"))
    expect_heading(page, "New job")
    tab_to(page, page.get_by_label("Data set", exact=True))
    page.keyboard.type("breast")
    tab_to(page, page.get_by_label("What is predicted"))
    page.keyboard.type("target")
    expect(page.get_by_label("What is predicted")).to_have_value("target")
    tab_to(page, page.get_by_label("Name of the model"))
    page.keyboard.press("Control+A")
    page.keyboard.type("by-keys-only")
    expect(page.get_by_text("This job can run")).to_be_visible()
    press(page, page.get_by_role("button", name="Train", exact=True))
    expect_heading(page, re.compile(r"^Job \d+$"))
    [job] = api.get("/jobs?name=by-keys-only").json()["items"]
    assert page.url.endswith(f"/jobs/{job['id']}")


@pytest.mark.browser
def test_enter_in_a_field_is_the_button_of_the_form(page: Page, api: httpx.Client) -> None:
    open_page(page, "/jobs/new?dataset_id=1&target=target")
    tab_to(page, page.get_by_label("Name of the model"))
    page.keyboard.press("Control+A")
    page.keyboard.type("by-enter")
    expect(page.get_by_text("This job can run")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect_heading(page, re.compile(r"^Job \d+$"))
    assert len(api.get("/jobs?name=by-enter").json()["items"]) == 1


@pytest.mark.browser
def test_a_question_is_left_and_then_a_job_is_cancelled(page: Page, api: httpx.Client) -> None:
    job_id = train(api, **LONG)
    open_page(page, f"/jobs/{job_id}")
    asked = answer_dialogs(page, False, True)
    button = page.get_by_role("button", name="Cancel", exact=True)
    press(page, button)
    expect(button).to_be_focused()
    assert api.get(f"/jobs/{job_id}").json()["status"] in ("PENDING", "RUNNING")
    page.keyboard.press("Enter")
    expect(page.get_by_text("cancelled")).to_be_visible()
    assert asked == ["Cancel for good?"] * 2
    look(page)  # the button is gone, and the focus is not
    press(page, page.get_by_role("button", name="Run again", exact=True))
    expect(page).not_to_have_url(re.compile(f"/jobs/{job_id}$"))
    expect_heading(page, re.compile(r"^Job \d+$"))
    api.post(f"/jobs/{page.url.rsplit('/', 1)[1]}/cancel")


@pytest.mark.browser
def test_tabs_and_the_threshold_are_moved_by_arrows(page: Page) -> None:
    open_page(page, "/models/1")
    first = page.get_by_role("tab").first
    tab_to(page, first)
    for _ in range(page.get_by_role("tab").count()):
        if page.get_by_role("slider").count():
            break
        page.keyboard.press("ArrowRight")
        look(page)
    slider = page.get_by_role("slider")
    tab_to(page, slider)
    before = slider.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    look(page)
    assert slider.get_attribute("aria-valuetext") != before
    page.keyboard.press("ArrowLeft")
    assert slider.get_attribute("aria-valuetext") == before


@pytest.mark.browser
def test_pages_of_a_list_are_turned_by_keys(page: Page, api: httpx.Client) -> None:
    body = {"jobs": [{"job_type": "PREDICT", "model_id": 1, "rows": [{"mean radius": 14.0}]}] * 60}
    answers = api.post("/jobs/batch", json=body).json()["items"]
    open_page(page, "/jobs")
    table = page.get_by_role("region", name="Jobs")
    for button in ("Older →", "← Newer"):
        press(page, page.get_by_role("button", name=button))
        expect(table).to_be_focused()
        look(page)
    api.post("/jobs/cancel", json={"ids": [item["job"]["id"] for item in answers]})


@pytest.mark.browser
def test_what_is_removed_does_not_take_the_focus_with_it(page: Page) -> None:
    open_page(page, "/jobs/new?job_type=COMPARE&model_id=1")
    press(page, page.get_by_role("button", name="Remove #1"))
    expect(page.get_by_role("button", name="Remove #1")).to_have_count(0)
    look(page)
    page.keyboard.press("Tab")
    look(page)
    assert page.locator("form").evaluate("form => form.contains(document.activeElement)")
