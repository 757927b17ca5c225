"""Jobs in the browser: a list, a job that runs, its curve and log, cancel, run again; impatient hands."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import open_page
from tests.support.console_jobs import downloaded, train
from tests.support.eventually import eventually


@pytest.fixture(autouse=True)
def cancelled_afterwards(api: httpx.Client) -> Iterator[None]:
    """The long jobs of a test do not keep the next one waiting."""
    yield
    for status in ("PENDING", "RUNNING"):
        for job in api.get(f"/jobs?status={status}").json()["items"]:
            api.post(f"/jobs/{job['id']}/cancel")


def count(api: httpx.Client) -> int:
    """How many jobs there are; the sample run and these tests make fewer than 200."""
    return len(api.get("/jobs?limit=200").json()["items"])


LONG = {"model_name": "long", "params": {"n_estimators": 5000, "learning_rate": 0.001}}


def test_a_job_is_followed_from_its_start_to_its_model(page: Page, api: httpx.Client) -> None:
    job_id = train(api, params={"n_estimators": 400})
    open_page(page, f"/jobs/{job_id}")
    expect(page.get_by_text("completed")).to_be_visible()
    expect(page.locator("canvas")).to_be_visible()
    page.get_by_role("button", name="Numbers").click()
    expect(page.get_by_role("columnheader", name="Log loss · Held out")).to_be_visible()
    page.get_by_role("tab", name="Log").click()
    expect(page).to_have_url(f"/console/jobs/{job_id}?tab=log")
    expect(page.get_by_role("log")).to_contain_text("features")
    page.get_by_role("tab", name="Facts").click()
    expect(page.get_by_text(re.compile("Waited .*, ran ")).first).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("^Model "))).to_be_visible()


@pytest.mark.browser
def test_a_picture_and_its_numbers_can_be_saved(page: Page) -> None:
    open_page(page, "/jobs/2")
    for kind, first in (("PNG", b"\x89PNG"), ("SVG", b"<svg"), ("CSV", b'"Iteration"')):
        with page.expect_download() as download:
            page.get_by_role("button", name=kind, exact=True).click()
        with download.value.path().open("rb") as file:
            assert file.read(len(first)) == first


@pytest.mark.browser
def test_the_curve_of_a_running_job_grows_without_a_reload(page: Page, api: httpx.Client) -> None:
    job_id = train(api, **LONG)
    open_page(page, f"/jobs/{job_id}")
    page.evaluate("window.isSamePage = true")

    def points() -> int:
        return len(downloaded(page, page.get_by_role("button", name="CSV", exact=True)).read_text().splitlines())

    first = points()
    eventually(lambda: points() > first, what="a longer curve")
    assert page.evaluate("window.isSamePage")


@pytest.mark.browser
def test_a_running_job_can_be_cancelled(page: Page, api: httpx.Client) -> None:
    job_id = train(api, **LONG)
    open_page(page, f"/jobs/{job_id}")
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("cancelled")).to_be_visible()


def test_an_impatient_double_click_makes_one_job(page: Page, api: httpx.Client) -> None:
    open_page(page, "/jobs/2")
    before = count(api)
    page.get_by_role("button", name="Run again", exact=True).dblclick()
    expect(page).not_to_have_url("/console/jobs/2")
    expect(page.get_by_text("completed")).to_be_visible()
    assert count(api) == before + 1


def test_several_jobs_are_cancelled_at_once(page: Page, api: httpx.Client) -> None:
    ids = [train(api, **LONG) for _ in range(3)]
    open_page(page, "/jobs")
    for job_id in ids:
        page.get_by_label(f"Select {job_id}", exact=True).check()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    for job_id in ids:
        row = page.get_by_role("row").filter(has=page.get_by_label(f"Select {job_id}", exact=True))
        expect(row.get_by_text("cancelled")).to_be_visible()


@pytest.mark.browser
def test_a_new_job_appears_in_an_open_list(page: Page, api: httpx.Client) -> None:
    open_page(page, "/jobs")
    job_id = train(api, model_name="appears")
    row = page.get_by_role("row").filter(has=page.get_by_label(f"Select {job_id}", exact=True))
    expect(row.get_by_text("completed")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("page", [{"locale": "de-DE"}], indirect=True)
def test_a_failed_job_says_why_in_german(page: Page, api: httpx.Client) -> None:
    job_id = train(api, **LONG, max_runtime_seconds=1)
    open_page(page, f"/jobs/{job_id}")
    expect(page.get_by_text("fehlgeschlagen")).to_be_visible()
    expect(page.get_by_role("alert").get_by_text("timeout", exact=True)).to_be_visible()
