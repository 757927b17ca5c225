"""The frame around every page: addresses, languages, sign-in, accessibility, a service that goes away."""

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import DARK, GERMAN, NARROW, Problems, accessibility_violations, new_context, open_page

pytestmark = pytest.mark.slow
PAGES = ("/", "/jobs", "/jobs/2", "/jobs/2?tab=log", "/jobs/2?tab=facts", "/jobs/2?tab=spec", "/fleet", "/access")


def test_the_address_of_the_service_leads_to_the_console(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_url("/console/")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param({}, id="light"),
        pytest.param(DARK, id="dark", marks=pytest.mark.browser),
        pytest.param(NARROW, id="narrow", marks=pytest.mark.browser),
    ],
    indirect=True,
)
def test_every_page_is_accessible(page: Page) -> None:
    for path in PAGES:
        open_page(page, path)
        assert accessibility_violations(page) == [], path


@pytest.mark.browser
@pytest.mark.parametrize("page", [NARROW], indirect=True)
def test_nothing_is_wider_than_a_small_screen(page: Page) -> None:
    for path in PAGES:
        open_page(page, path)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["viewport"]["width"], path


@pytest.mark.parametrize("page", [GERMAN], indirect=True)
def test_the_language_is_that_of_the_browser_until_the_user_says_otherwise(page: Page) -> None:
    open_page(page, "/jobs")
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Eingereicht")).to_be_visible()
    page.get_by_label("Sprache").select_option(label="English")
    expect(page.get_by_role("columnheader", name="Submitted")).to_be_visible()
    page.reload()
    expect(page.get_by_role("columnheader", name="Submitted")).to_be_visible()


def test_an_address_is_a_view_and_back_leads_back(page: Page) -> None:
    open_page(page, "/jobs")
    page.get_by_label("Type", exact=True).select_option("TRAIN")
    expect(page).to_have_url("/console/jobs?job_type=TRAIN")
    only_trainings(page)
    page.get_by_role("link", name="breast_cancer-lightgbm").last.click()
    expect(page).to_have_url("/console/jobs/2")
    page.go_back()
    expect(page).to_have_url("/console/jobs?job_type=TRAIN")
    only_trainings(page)


def only_trainings(page: Page) -> None:
    expect(page.get_by_role("cell", name="TRAIN", exact=True)).not_to_have_count(0)
    for other in ("INGEST", "TEST", "COMPARE"):
        expect(page.get_by_role("cell", name=other, exact=True)).to_have_count(0)


def test_an_unknown_address_says_so(page: Page) -> None:
    page.goto("/console/nothing/here")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_a_list_can_be_used_with_the_keyboard_alone(page: Page) -> None:
    open_page(page, "/jobs")
    link = page.get_by_role("link", name="breast_cancer-lightgbm").first
    for _ in range(20 + 5 * page.get_by_role("row").count()):  # other tests have made rows before it
        page.keyboard.press("Tab")
        if link.evaluate("element => element === document.activeElement"):
            break
    expect(link).to_be_focused()
    address = link.get_attribute("href")
    assert address
    page.keyboard.press("Enter")
    expect(page).to_have_url(address)


def test_files_of_the_package_are_not_pages(console_url: str) -> None:
    with httpx.Client(base_url=console_url, trust_env=False) as client:
        assert client.get("/console/core/nothing.js").status_code == 404
        python = client.get("/console/__init__.py")
        assert (python.status_code, python.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        again = client.get("/console/app.js", headers={"If-None-Match": client.get("/console/app.js").headers["ETag"]})
        assert again.status_code == 304
        assert "script-src 'self';" in client.get("/console/jobs/7").headers["Content-Security-Policy"]


def test_a_service_that_goes_away_is_told_and_found_again(browser: Browser, console_url: str) -> None:
    context = new_context(browser, console_url)
    page = context.new_page()
    open_page(page, "/jobs")
    context.set_offline(True)
    page.get_by_label("Type", exact=True).select_option("TEST")
    expect(page.get_by_text("No connection to the service")).to_be_visible()
    context.set_offline(False)
    expect(page.get_by_text("No connection to the service")).to_be_hidden()
    expect(page.get_by_role("row")).to_have_count(2)
    context.close()


def test_the_policy_refuses_a_script_that_is_no_file(page: Page, problems: Problems) -> None:
    problems.expected = ("Content Security Policy", "TrustedHTML", "TrustedScript")
    open_page(page, "/")
    page.evaluate("const s = document.createElement('script'); s.append('window.ran = 1'); document.body.append(s)")
    assert page.evaluate("window.ran") is None
    assert (
        page.evaluate("try { document.body.innerHTML = '<b>x</b>'; 'done' } catch (error) { error.name }")
        == "TypeError"
    )
