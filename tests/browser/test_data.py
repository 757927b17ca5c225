"""New jobs, data sets and predictions in the browser, as somebody uses them who has a file and a question."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import DARK, GERMAN, NARROW, Problems, accessibility_violations, open_page

pytestmark = pytest.mark.slow
PAGES = (
    "/jobs/new",
    "/jobs/new?dataset_id=1&target=target",
    "/jobs/new?job_type=TUNE&dataset_id=1",
    "/jobs/new?job_type=PREDICT&model_id=1",
    "/jobs/new?job_type=COMPARE&model_id=1",
    "/datasets",
    "/datasets/new",
    "/datasets/new?tab=sample",
    "/datasets/1",
    "/datasets/1?tab=preview",
    "/datasets/1?tab=parsing",
    "/datasets/1?tab=versions",
    "/datasets/new?from=1",
    "/predictions",
    "/predictions/new?model_id=1",
)
ROWS = "".join(f"c{n},{20 + n % 50},{'no' if n % 3 else 'yes'}\n" for n in range(120))
CHURN = ("customer,age,left\n" + ROWS).encode()
UNCLEAR = b"n;x\n1.234;a\n2.345;b\n"
REFUSED = "422: POST"  # a dry run that says what is wrong
UNKNOWN_BYTES = "/datasets/sha256/"  # 404: then the file is sent
PIECE = "application/offset+octet-stream"


def choose_file(page: Page, name: str, content: bytes) -> None:
    page.get_by_label("Drop a file here, or choose one").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content}
    )


def upload(page: Page, name: str, content: bytes) -> None:
    """Upload a file by the form, and wait until its data set is read."""
    open_page(page, "/datasets/new")
    choose_file(page, name, content)
    page.get_by_role("button", name="Upload").click()
    expect(page).to_have_url(re.compile(r"/console/datasets/\d+$"))
    expect(page.locator(".status.ready, .status.rejected").first).to_be_visible()


def summary(page: Page, name: str) -> None:
    """Unfold or fold a part of a form."""
    page.locator("summary").filter(has_text=name).click()


@pytest.mark.browser
@pytest.mark.parametrize("page", [{}, DARK, NARROW], indirect=True, ids=["light", "dark", "narrow"])
def test_every_page_is_accessible_and_fits(page: Page) -> None:
    for path in PAGES:
        open_page(page, path)
        assert accessibility_violations(page) == [], path
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.evaluate("innerWidth"), path


def test_a_job_is_submitted_once_and_checked_before(page: Page, api: httpx.Client, problems: Problems) -> None:
    problems.expected = (REFUSED,)
    open_page(page, "/jobs/new?dataset_id=1&target=target")
    expect(page.get_by_text("This job can run")).to_be_visible()
    page.get_by_label("Name of the model").fill("by-form")
    summary(page, "Validation")
    share = page.get_by_label("Share held out")
    share.press_sequentially("0.05")
    expect(share).to_have_value("0.05")
    share.fill("3")
    expect(share).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("must be at most 0.9")).to_be_visible()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_disabled()
    share.fill("0.3")
    expect(page.get_by_text("This job can run")).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).dblclick()
    expect(page).to_have_url(re.compile(r"/console/jobs/\d+$"))
    jobs = api.get("/jobs?name=by-form").json()["items"]
    assert [job["spec"]["validation"] for job in jobs] == [{"method": "holdout", "test_size": 0.3}]


@pytest.mark.browser
def test_what_is_sent_is_shown_for_other_tools(page: Page) -> None:
    open_page(page, "/jobs/new?dataset_id=1&target=target")
    summary(page, "Parameters of lightgbm")
    page.get_by_label("num_leaves").fill("15")
    summary(page, "What is sent")
    expect(page.get_by_label("JSON", exact=True).last).to_contain_text('"num_leaves": 15')
    page.get_by_role("tab", name="curl").click()
    expect(page.get_by_label("curl", exact=True).last).to_contain_text("/api/v1/jobs")
    page.get_by_role("tab", name="Python").click()
    expect(page.get_by_label("Python", exact=True).last).to_contain_text('"num_leaves": 15,')


@pytest.mark.browser
def test_a_job_again_keeps_what_the_form_has_no_field_for(page: Page, api: httpx.Client) -> None:
    spec = {"job_type": "PREDICT", "model_id": 1, "rows": [{"mean radius": 14.0}], "priority": 3}
    job_id = api.post("/jobs", json=spec).json()["id"]
    open_page(page, f"/jobs/new?from={job_id}")
    expect(page.get_by_text("This job can run")).to_be_visible()
    summary(page, "Fields without a control: rows")
    page.get_by_label("As JSON").fill('{"rows": [{"mean radius": 15.5}, {}]}')
    page.get_by_label("As JSON").blur()
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page).to_have_url(re.compile(r"/console/jobs/\d+$"))
    made = api.get(f"/jobs/{page.url.rsplit('/', 1)[1]}").json()["spec"]
    assert (made["priority"], made["rows"]) == (3, [{"mean radius": 15.5}, {}])


@pytest.mark.browser
def test_a_study_that_ends_poor_trials_early_is_made_by_a_click(
    page: Page, api: httpx.Client, problems: Problems
) -> None:
    problems.expected = (REFUSED,)
    open_page(page, "/jobs/new?job_type=TUNE&dataset_id=1&target=target")
    page.get_by_label("Search a parameter").select_option("/params/num_leaves")
    page.get_by_role("button", name="Add", exact=True).first.click()
    page.get_by_label("Score", exact=True).select_option("roc_auc")
    page.get_by_text("How the search runs").click()
    page.get_by_label("End poor trials early").check()
    expect(page.get_by_label("Trials at the same time")).to_have_value("9")
    page.get_by_label("Of how many trials one continues").fill("2")
    expect(page.get_by_text("This job can run")).to_be_visible()
    page.get_by_label("How often trials are compared").fill("8")
    expect(page.get_by_text("must be at least 128")).to_be_visible()
    page.get_by_label("How often trials are compared").fill("3")
    expect(page.get_by_text("This job can run")).to_be_visible()
    page.get_by_role("button", name="Start the search").click()
    expect(page).to_have_url(re.compile(r"/console/jobs/\d+$"))
    job_id = page.url.rsplit("/", 1)[1]
    assert api.get(f"/jobs/{job_id}").json()["spec"]["halving"] == {"rungs": 3, "factor": 2}
    api.post(f"/jobs/{job_id}/cancel")


@pytest.mark.browser
def test_a_study_is_made_from_rows_of_parameters(page: Page, api: httpx.Client) -> None:
    open_page(page, "/jobs/new?job_type=TUNE&dataset_id=1&target=target")
    page.get_by_label("Search a parameter").select_option("/params/num_leaves")
    page.get_by_role("button", name="Add", exact=True).first.click()
    row = page.get_by_role("group", name="num_leaves")
    row.get_by_label("Lowest").fill("4")
    row.get_by_label("Highest").fill("16")
    page.get_by_label("Score", exact=True).select_option("roc_auc")
    page.get_by_label("Trials, at most").fill("2")
    expect(page.get_by_text("This job can run")).to_be_visible()
    page.get_by_role("button", name="Start the search").click()
    expect(page).to_have_url(re.compile(r"/console/jobs/\d+$"))
    job_id = page.url.rsplit("/", 1)[1]
    assert api.get(f"/jobs/{job_id}").json()["spec"]["search"]["/params/num_leaves"]["high"] == 16
    api.post(f"/jobs/{job_id}/cancel")


def test_a_file_becomes_a_data_set_and_its_bytes_go_once(page: Page, problems: Problems) -> None:
    problems.expected = (UNKNOWN_BYTES,)
    forms: list[str] = []
    page.on("request", lambda request: forms.append(request.headers.get("content-type", "")))
    upload(page, "Kündigungen 2026.csv", CHURN)
    expect(page.get_by_role("heading", name="Kundigungen-2026 v1")).to_be_visible()
    expect(page.get_by_text("column 'customer'")).to_be_visible()
    expect(page.get_by_role("img", name="How the values of age lie")).to_be_visible()
    upload(page, "Kündigungen 2026.csv", CHURN)
    expect(page.get_by_role("heading", name="Kundigungen-2026 v2")).to_be_visible()
    assert forms.count(PIECE) == 1
    page.get_by_role("tab", name="Versions").click()
    expect(page.get_by_text("Nothing: both have the same bytes.")).to_be_visible()
    page.get_by_role("link", name="Train on it").click()
    expect(page).to_have_url(re.compile(r"/console/jobs/new\?dataset_id=\d+$"))


@pytest.mark.browser
def test_a_file_that_is_not_clear_is_read_again_by_a_click(page: Page, problems: Problems) -> None:
    problems.expected = (UNKNOWN_BYTES,)
    upload(page, "unclear.csv", UNCLEAR)
    expect(page.get_by_text("The file was not taken")).to_be_visible()
    page.get_by_role("link", name="Read again with decimal=,").click()
    expect(page.get_by_label("Decimal mark")).to_have_value(",")
    page.get_by_role("button", name="Read again").click()
    expect(page.get_by_role("heading", name="unclear v2")).to_be_visible()
    expect(page.locator(".status.ready").first).to_be_visible()
    expect(page.get_by_role("cell", name="1234", exact=True)).to_be_visible()


@pytest.mark.browser
def test_a_broken_upload_continues_without_a_click(page: Page, problems: Problems) -> None:
    problems.expected = (UNKNOWN_BYTES,)
    open_page(page, "/datasets/new")
    choose_file(page, "broken off.csv", CHURN + b"c999,30,no\n")
    piece = re.compile(r"/api/v1/uploads/\d+$")
    page.route(piece, lambda route: route.abort())
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("No connection: the upload continues by itself.")).to_be_visible()
    assert accessibility_violations(page) == []
    page.unroute(piece)
    expect(page.get_by_role("heading", name="broken-off v1")).to_be_visible()


@pytest.mark.browser
def test_rows_are_typed_and_predicted_at_once(page: Page) -> None:
    open_page(page, "/predictions/new?model_id=1")
    page.get_by_label("mean radius, Row 1").fill("14.2")
    page.get_by_role("button", name="Add a row").click()
    page.get_by_label("mean radius, Row 2").fill("25,5")
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.get_by_role("heading", name="What the model says")).to_be_visible()
    expect(page.get_by_role("columnheader", name="prediction", exact=True)).to_be_visible()
    page.get_by_role("link", name=re.compile(r"^Prediction \d+")).click()
    expect(page.get_by_role("button", name="Download Parquet")).to_be_visible()
    assert accessibility_violations(page) == []
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download Parquet").click()
    assert waiting.value.suggested_filename.endswith(".parquet")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    expect(page).to_have_url("/console/predictions")


@pytest.mark.browser
@pytest.mark.parametrize("page", [GERMAN], indirect=True)
def test_the_same_in_german(page: Page, problems: Problems) -> None:
    problems.expected = (REFUSED,)
    open_page(page, "/datasets")
    page.get_by_role("link", name="breast_cancer").first.click()
    page.get_by_role("link", name="Damit trainieren").click()
    page.get_by_label("Was vorhergesagt wird").select_option("target")
    expect(page.get_by_text("Dieser Job kann laufen")).to_be_visible()
    page.get_by_label("Name des Modells").fill("mit Leerzeichen")
    expect(page.get_by_label("Name des Modells")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Name des Modells").fill("deutsch")
    page.get_by_role("button", name="Trainieren").click()
    expect(page).to_have_url(re.compile(r"/console/jobs/\d+$"))


@pytest.mark.browser
def test_names_from_the_data_are_only_text(page: Page, problems: Problems) -> None:
    problems.expected = (UNKNOWN_BYTES,)
    label = "<img src=x onerror=alert(1)>"
    content = f"{label},y\n" + "".join(f"{n},{label if n % 2 else 'no'}\n" for n in range(40))
    upload(page, "names.csv", content.encode())
    expect(page.get_by_role("cell", name=label, exact=True).first).to_be_visible()
    assert page.locator("main img").count() == 0


@pytest.mark.browser
def test_a_wide_table_is_shown_fifty_columns_at_a_time(page: Page, problems: Problems) -> None:
    problems.expected = (UNKNOWN_BYTES,)
    names = ",".join(f"column_{n}" for n in range(120))
    rows: list[Any] = [",".join(str(row * n) for n in range(120)) for row in range(20)]
    upload(page, "wide.csv", "\n".join([names, *rows]).encode())
    expect(page.get_by_role("row")).to_have_count(51)
    page.get_by_label("Find a column").fill("column_119")
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("tab", name="Preview").click()
    expect(page.get_by_text("The first 50 of 120 columns.")).to_be_visible()
    expect(page.get_by_role("columnheader")).to_have_count(50)
