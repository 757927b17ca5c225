"""A closed service: the console asks for a key, keeps it where the user wants, and shows what the role may see."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from ml_training.db.engine import open_database
from ml_training.domain.caller import Role
from ml_training.local.run_file import read_run_file
from tests.support.access import make_key
from tests.support.browser import Problems, accessibility_violations, new_context, open_page
from tests.support.stack_process import StackProcess, start_stack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[StackProcess]:
    """A service of its own: the first key would close the one of the other tests."""
    with start_stack(tmp_path_factory.mktemp("closed") / "data") as stack:
        stack.wait_until_ready()
        yield stack


def new_key(closed: StackProcess, role: Role) -> str:
    """A key in the service's database."""
    info = read_run_file(closed.data_dir / "run.json")
    assert info
    database = open_database(info.database_url)
    try:
        return make_key(database, role).key
    finally:
        database.dispose()


@pytest.fixture
def page(browser: Browser, closed: StackProcess, problems: Problems) -> Iterator[Page]:
    """A tab on the closed service."""
    context = new_context(browser, closed.urls[0].removesuffix("/api/v1"))
    page = context.new_page()
    problems.watch(page)
    yield page
    context.close()
    assert not problems, problems.unexpected


def sign_in(page: Page, key: str, *, keep: bool = False) -> None:
    """Fill in the form."""
    page.get_by_label("API key", exact=True).fill(key)
    if keep:
        page.get_by_label("Keep the key in this browser").check()
    page.get_by_role("button", name="Sign in").click()


def test_a_key_opens_the_console_for_this_tab(page: Page, closed: StackProcess, problems: Problems) -> None:
    problems.expected = ("401: GET",)
    key = new_key(closed, Role.ADMIN)
    page.goto("/console/access")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert accessibility_violations(page) == []
    sign_in(page, "mlt_0123456789ab_" + "0" * 64)
    expect(page.get_by_role("alert")).to_be_visible()
    sign_in(page, key)
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    assert page.evaluate("[sessionStorage.length, localStorage.getItem('ml-training-key')]") == [1, None]
    other = page.context.new_page()
    other.goto("/console/access")
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.browser
def test_a_key_is_made_shown_once_and_revoked(page: Page, closed: StackProcess, problems: Problems) -> None:
    problems.expected = ("401: GET",)
    key = new_key(closed, Role.ADMIN)
    page.goto("/console/access")
    sign_in(page, key, keep=True)
    page.get_by_label("Name").first.fill("from-the-console")
    page.get_by_role("button", name="Make a key").click()
    shown = page.locator(".made pre")
    expect(shown).to_contain_text("mlt_")
    made = shown.inner_text()
    page.reload()  # the key was kept, the new one is shown no more
    row = page.get_by_role("row").filter(has_text="from-the-console")
    expect(row).to_be_visible()
    assert made not in page.content()
    page.on("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Revoke").click()
    expect(row.get_by_text("revoked or expired")).to_be_visible()
    assert key not in page.content()


@pytest.mark.browser
def test_a_viewer_is_told_which_role_a_command_needs(page: Page, closed: StackProcess, problems: Problems) -> None:
    problems.expected = ("401: GET", "403: GET")
    page.goto("/console/access")
    sign_in(page, new_key(closed, Role.VIEWER))
    expect(page.get_by_text("this needs the role admin").first).to_be_visible()
    open_page(page, "/jobs")
    expect(page.get_by_text("No job here.")).to_be_visible()
