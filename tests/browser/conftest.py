"""One service with sample models, and one browser, for all tests of the console; a fresh profile for each test."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import Problems, find_browser, new_context, running_browser
from tests.support.stack_process import StackProcess, start_stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. It ends with the file: as long as Playwright runs, this thread has an event loop, and no other can."""
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    """`ml-training up --sample`: a data set, two models, a test and a comparison."""
    find_browser()  # without one the tests are left out: do not start a service for them
    with start_stack(tmp_path_factory.mktemp("console") / "data", "--sample") as stack:
        stack.wait_until_ready()
        yield stack


@pytest.fixture(scope="session")
def console_url(stack: StackProcess) -> str:
    """Without /console."""
    return stack.urls[0].removesuffix("/api/v1")


@pytest.fixture(scope="session")
def api(stack: StackProcess) -> Iterator[httpx.Client]:
    """The API below /api/v1."""
    with httpx.Client(base_url=stack.urls[0], timeout=90, trust_env=False) as client:
        yield client


@pytest.fixture
def problems() -> Problems:
    """What goes wrong on the pages of this test; a test names in `expected` what it provokes."""
    return Problems()


@pytest.fixture
def page(browser: Browser, console_url: str, problems: Problems, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab; `indirect` parameters are options of its profile, such as {"locale": "de-DE"}."""
    options: dict[str, Any] = getattr(request, "param", {})
    context = new_context(browser, console_url, **options)
    page = context.new_page()
    problems.watch(page)
    yield page
    context.close()
    assert not problems, problems.unexpected
