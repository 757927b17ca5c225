"""The button of the console leads to the provider and back, and says why when somebody was not signed in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ml_training.local.ports import free_port
from tests.support.api_process import running_api
from tests.support.browser import Problems, accessibility_violations, new_context
from tests.support.identity_provider import provider_settings, running_provider
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def page(
    browser: Browser, tmp_path: Path, sqlite_template: bytes, redis_server: RedisServer, problems: Problems
) -> Iterator[Page]:
    """A tab on a service whose provider is another site."""
    port = free_port("127.0.0.1")
    service = f"http://localhost:{port}"
    (tmp_path / "jobs.db").write_bytes(sqlite_template)
    with running_provider(tmp_path / "provider.log") as issuer:
        settings = {**provider_settings(issuer, service), "api_workers": "1", "api_port": str(port)}
        with running_api(tmp_path, f"sqlite:///{tmp_path / 'jobs.db'}", redis_server.url, **settings):
            context = new_context(browser, service)
            page = context.new_page()
            problems.watch(page)
            yield page
            context.close()
    assert not problems, problems.unexpected


def test_a_person_signs_in_and_out_and_one_without_a_role_is_told_so(page: Page, problems: Problems) -> None:
    problems.expected = ("401: GET", "favicon")
    page.goto("/console/access")
    button = page.get_by_role("link", name="Sign in with Example Login")
    expect(button).to_be_visible()
    assert accessibility_violations(page) == []
    button.click()
    with page.expect_response(lambda answer: "/api/v1/changes" in answer.url):  # 401: it must not hide the reason
        page.get_by_role("button", name="eve").click()
    expect(page.get_by_role("alert")).to_contain_text("no role in this service")
    assert accessibility_violations(page) == []
    expect(page.get_by_role("alert")).to_contain_text("no role in this service")
    page.get_by_role("link", name="Sign in with Example Login").click()
    page.get_by_role("button", name="ada").first.click()
    expect(page.get_by_text("ada@example.org").first).to_be_visible()
    page.goto("/console/access")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    assert page.evaluate("document.cookie + sessionStorage.length + localStorage.length") == "00"
    page.get_by_label("Name").first.fill("from-a-session")
    page.get_by_role("button", name="Make a key").click()
    expect(page.locator(".made pre")).to_contain_text("mlt_")
    page.get_by_role("button", name="Sign out").click()
    expect(button).to_be_visible()
    page.reload()
    expect(button).to_be_visible()
