"""Somebody who has never seen the console: from a file to two models, their comparison and predictions, by clicks."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Problems, new_context
from tests.support.stack_process import StackProcess, start_stack

ROOT = Path(__file__).parents[2]
CUSTOMERS, NEW_CUSTOMERS = (ROOT / "docs" / "data" / name for name in ("customers.csv", "new_customers.csv"))
UNKNOWN_BYTES = "404: GET"  # the console asks whether the bytes are there before it sends them


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[StackProcess]:
    """A service that has just been started for the first time."""
    with start_stack(tmp_path_factory.mktemp("empty") / "data") as stack:
        stack.wait_until_ready()
        yield stack


@pytest.fixture
def page(browser: Browser, empty: StackProcess, problems: Problems) -> Iterator[Page]:
    """A tab on the empty service."""
    context = new_context(browser, empty.urls[0].removesuffix("/api/v1"))
    page = context.new_page()
    problems.watch(page)
    yield page
    context.close()
    assert not problems, problems.unexpected


def train(page: Page, model_type: str) -> None:
    """Fill in the form from the data set's page, and wait for the model."""
    page.get_by_label("What is predicted").select_option("left")
    page.get_by_label("Model type").select_option(model_type)
    expect(page.get_by_text("This job can run")).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page).to_have_url(re.compile(r"/console/jobs/\d+$"))
    expect(page.get_by_role("link", name=re.compile(r"^Model \d+$"))).to_be_visible()


@pytest.mark.slow
def test_from_a_file_to_predictions_without_reading_a_page(page: Page, empty: StackProcess, problems: Problems) -> None:
    problems.expected = (UNKNOWN_BYTES,)
    page.goto("/")
    expect(page.get_by_role("heading", name="Start with a data set")).to_be_visible()
    page.get_by_role("link", name="Upload a file").click()
    page.locator("input[type=file]").set_input_files(CUSTOMERS)
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("link", name="Train on it").click()
    train(page, "lightgbm")
    page.go_back()
    train(page, "logistic_regression")
    page.get_by_role("link", name="Models", exact=True).click()
    boxes = page.get_by_role("checkbox")
    expect(boxes).to_have_count(2)
    for box in boxes.all():
        box.check()
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("button", name="Compare them").click()
    page.get_by_role("link", name=re.compile("^Comparison ")).click()
    expect(page.get_by_role("heading", name=re.compile("^Ranking by "))).to_be_visible()
    page.get_by_role("link", name="Data sets", exact=True).click()
    page.get_by_role("link", name="New data set").click()
    page.locator("input[type=file]").set_input_files(NEW_CUSTOMERS)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", name=re.compile("^new_customers v1"))).to_be_visible()
    expect(page.locator(".status.ready")).to_be_visible()
    page.get_by_role("link", name="Models", exact=True).click()
    page.locator("tbody").get_by_role("link").first.click()
    page.get_by_role("link", name="Predict with it").click()
    new_customers = page.get_by_label("Data set").locator("option", has_text="new_customers")
    page.get_by_label("Data set").select_option(new_customers.get_attribute("value"))
    page.get_by_role("button", name="Predict", exact=True).click()
    page.get_by_role("link", name=re.compile("^Prediction ")).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.path().stat().st_size > 1000
    with httpx.Client(base_url=empty.urls[0], trust_env=False) as client:
        [prediction] = client.get("/predictions").json()["items"]
    assert prediction["rows"] == len(NEW_CUSTOMERS.read_text(encoding="utf-8").splitlines()) - 1
