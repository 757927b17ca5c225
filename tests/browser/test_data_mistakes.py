"""Data sets from a query, refreshed and deleted; uploads that are cancelled, break off, or were a mistake."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Dialog, Page, Route, expect

from tests.support.browser import Problems, accessibility_violations, new_context, open_page
from tests.support.console_jobs import train
from tests.support.postgres import PostgresServer
from tests.support.stack_process import StackProcess, start_stack
from tests.support.warehouse import Warehouse, warehouse_of

pytestmark = pytest.mark.slow
UNKNOWN_BYTES = "/datasets/sha256/"  # 404: then the file is sent
UPLOADS = re.compile(r"/api/v1/datasets$")
PIECES = re.compile(r"/api/v1/uploads/\d+$")
FIRST_PIECE = 16 << 20
CHURN = b"age,left\n" + b"".join(b"%d,%s\n" % (20 + n % 50, b"no" if n % 3 else b"yes") for n in range(90))


@pytest.fixture(scope="module")
def warehouse(postgres: PostgresServer) -> Iterator[Warehouse]:
    """A database with orders."""
    with warehouse_of(postgres) as found:
        found.execute(
            "CREATE TABLE orders (id integer, amount integer)",
            "INSERT INTO orders SELECT n, n % 7 FROM generate_series(1, 50) AS n",
        )
        yield found


@pytest.fixture(scope="module")
def sourced(tmp_path_factory: pytest.TempPathFactory, browser: Browser, warehouse: Warehouse) -> Iterator[StackProcess]:
    """A service whose configuration names the database."""
    directory = tmp_path_factory.mktemp("sourced") / "data"
    with start_stack(directory, ML_TRAINING_CONNECTIONS__WAREHOUSE=warehouse.url) as stack:
        stack.wait_until_ready()
        yield stack


@pytest.fixture
def sourced_page(browser: Browser, sourced: StackProcess, problems: Problems) -> Iterator[Page]:
    """A tab on that service."""
    context = new_context(browser, sourced.urls[0].removesuffix("/api/v1"))
    page = context.new_page()
    problems.watch(page)
    yield page
    context.close()
    assert not problems, problems.unexpected


def query_form(page: Page, name: str, query: str) -> None:
    """Fill in the form and run the query."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("textbox", name="SQL query").fill(query)
    page.get_by_role("button", name="Run the query").click()


def choose(page: Page, name: str, content: bytes = CHURN) -> None:
    file = {"name": name, "mimeType": "text/csv", "buffer": content}
    page.get_by_label("Drop a file here, or choose one").set_input_files(file)  # type: ignore[arg-type]


def choose_path(page: Page, file: Path) -> None:
    page.get_by_label("Drop a file here, or choose one").set_input_files(file)


def expect_ready(page: Page, heading: str) -> None:
    expect(page.get_by_role("heading", level=1, name=heading, exact=True)).to_be_visible()
    expect(page.locator(".subtitle .status.ready")).to_be_visible()


def answer(page: Page, *answers: bool) -> None:
    """What is answered to the questions that come, one after the other."""
    left = list(answers)

    def say(dialog: Dialog) -> None:
        if left.pop(0):
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", say)


@pytest.mark.browser
@pytest.mark.slow
def test_a_query_becomes_a_data_set_and_is_refreshed(
    sourced_page: Page, warehouse: Warehouse, problems: Problems
) -> None:
    page = sourced_page
    problems.expected = ("422: POST",)
    open_page(page, "/datasets/new")
    page.get_by_role("tab", name="SQL query").click()
    assert accessibility_violations(page) == []
    expect(page.get_by_label("Connection")).to_contain_text("warehouse")
    query_form(page, "with spaces", "SELECT id, amount FROM orders")
    expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    query_form(page, "orders", "SELECT id, amount FROM order_s")
    expect(page.locator(".subtitle .status.rejected")).to_be_visible()
    expect(page.get_by_text("order_s").first).to_be_visible()
    page.get_by_role("link", name="Change the query").click()
    expect(page.get_by_role("textbox", name="SQL query")).to_have_value("SELECT id, amount FROM order_s")
    query_form(page, "orders", "SELECT id, amount FROM orders")
    expect_ready(page, "orders v2")
    expect(page.get_by_text(re.compile("^50 rows"))).to_be_visible()
    made = page.url

    page.get_by_role("button", name="Refresh").click()
    expect(page).to_have_url(re.compile(r"/console/jobs/\d+$"))
    expect(page.get_by_text("Nothing has changed since", exact=False)).to_be_visible()
    page.get_by_role("link", name=re.compile(r"^Data set \d+$")).click()
    expect(page).to_have_url(made)

    warehouse.execute("INSERT INTO orders VALUES (51, 3)")
    page.get_by_role("button", name="Refresh").click()
    expect(page).to_have_url(re.compile(r"/console/jobs/\d+$"))
    page.get_by_role("link", name=re.compile(r"^Data set \d+$")).click()
    expect_ready(page, "orders v3")
    page.get_by_role("tab", name="Versions").click()
    expect(page.get_by_text("1 rows more: 51")).to_be_visible()
    assert accessibility_violations(page) == []


def test_a_data_set_is_deleted_when_nothing_needs_it(page: Page, api: httpx.Client, problems: Problems) -> None:
    problems.expected = (UNKNOWN_BYTES, "409: DELETE", "404: GET")
    open_page(page, "/datasets/new")
    choose(page, "short lived.csv", CHURN + b"70,no\n")
    page.get_by_role("button", name="Upload").click()
    expect_ready(page, "short-lived v1")
    dataset_id = int(page.url.rsplit("/", 1)[1])
    job_id = train(
        api,
        dataset_id=dataset_id,
        target={"column": "left"},
        model_name="needs-it",
        params={"n_estimators": 5000, "learning_rate": 0.001},
    )
    answer(page, False, True, True)
    page.get_by_role("button", name="Delete").click()  # and no
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("alert")).to_contain_text(str(dataset_id))
    api.post(f"/jobs/{job_id}/cancel")
    api.get(f"/jobs/{job_id}?wait=60")
    page.get_by_role("button", name="Delete").click()
    expect(page).to_have_url("/console/datasets")
    expect(page.get_by_role("link", name="short-lived")).to_have_count(0)
    assert api.get(f"/datasets/{dataset_id}").status_code == 404
    page.goto(f"/console/datasets/{dataset_id}")
    expect(page.get_by_role("alert")).to_contain_text(f"there is no data set {dataset_id}")


@pytest.mark.browser
def test_a_cancelled_upload_leaves_nothing_and_can_be_sent_after_all(
    page: Page, api: httpx.Client, problems: Problems
) -> None:
    problems.expected = (UNKNOWN_BYTES,)
    open_page(page, "/datasets/new")
    choose(page, "stopped.csv", CHURN + b"71,no\n")
    held = threading.Event()
    page.route(UPLOADS, lambda route: held.set() if route.request.method == "POST" else route.continue_())
    page.get_by_role("button", name="Upload").click()
    cancel = page.get_by_role("button", name="Cancel the upload")
    expect(cancel).to_be_visible()
    cancel.click()
    expect(page.get_by_role("status").filter(has_text="Cancelled")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_text("stopped.csv")).to_be_visible()
    assert api.get("/datasets?name=stopped").json()["items"] == []
    page.unroute(UPLOADS)
    page.get_by_role("button", name="Upload").click()
    expect_ready(page, "stopped v1")


@pytest.mark.browser
@pytest.mark.parametrize("lost", ["answer", "request"])
def test_a_broken_upload_continues_and_is_not_made_twice(
    page: Page, api: httpx.Client, problems: Problems, lost: str
) -> None:
    problems.expected = (UNKNOWN_BYTES,)
    asked: list[str] = []

    def lose(route: Route) -> None:
        asked.append(route.request.method)
        if lost == "answer":
            route.fetch()
        route.abort()

    open_page(page, "/datasets/new")
    choose(page, f"{lost} lost.csv", CHURN + f"72,{lost}\n".encode())
    page.route(UPLOADS, lose)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text("No connection: the upload continues by itself.")).to_be_visible()
    page.unroute(UPLOADS)
    expect_ready(page, f"{lost}-lost v1")
    assert [item["version"] for item in api.get(f"/datasets?name={lost}-lost").json()["items"]] == [1]
    assert set(asked) == {"POST"}


@pytest.mark.browser
@pytest.mark.parametrize("knows_its_hash", [True, False], ids=["hashed", "remembered"])
def test_a_large_file_is_not_sent_from_its_beginning_after_the_page_was_closed(
    page: Page, tmp_path: Path, problems: Problems, knows_its_hash: bool
) -> None:
    """Of a file that is too large to be hashed in a browser, the browser remembers the upload."""
    problems.expected = (UNKNOWN_BYTES,)
    if not knows_its_hash:
        page.add_init_script("Object.defineProperty(crypto, 'subtle', {value: undefined})")
    file = tmp_path / f"large {knows_its_hash}.csv"
    file.write_text("a,b\n" + "".join(f"{number},{number % 7}.25\n" for number in range(1_600_000)))
    offsets: list[int] = []
    page.on("request", lambda one: one.method == "PATCH" and offsets.append(int(one.headers["upload-offset"])))

    def lose_second(route: Route) -> None:
        """The first piece arrives, the second one never."""
        if route.request.method == "PATCH" and offsets[-1]:
            route.abort()
        else:
            route.continue_()

    open_page(page, "/datasets/new")
    choose_path(page, file)
    page.route(PIECES, lose_second)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_text(re.compile(r"continues by itself. 1[67]\.\d MB of"))).to_be_visible()
    open_page(page, "/datasets/new")
    choose_path(page, file)
    page.unroute(PIECES)
    before = len(offsets)
    page.get_by_role("button", name="Upload").click()
    expect_ready(page, f"large-{knows_its_hash} v1")
    assert offsets[before:] == [FIRST_PIECE]


@pytest.mark.browser
def test_mistakes_in_the_form_are_taken_back(page: Page, api: httpx.Client, problems: Problems) -> None:
    problems.expected = (UNKNOWN_BYTES, "415: POST", "422: POST")
    open_page(page, "/datasets/new")
    choose(page, "picture.pdf", b"%PDF-1.7 not a table")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    choose(page, "right.csv", CHURN + b"73,no\n")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_label("Name", exact=True)).to_have_value("right")
    page.get_by_label("Name", exact=True).fill("not a name")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Name", exact=True).fill("right")
    page.get_by_label("Time column").fill("no_such_column")
    page.get_by_role("button", name=re.compile("Upload|Try again")).click()
    expect(page.locator(".subtitle .status.rejected")).to_be_visible()
    page.get_by_role("link", name="Read it again with other options").click()
    page.get_by_label("Time column").fill("")
    page.get_by_role("button", name="Read again").click()
    expect_ready(page, "right v2")
    assert api.get("/datasets?name=right").json()["items"][0]["time_column"] is None
