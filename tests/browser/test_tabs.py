"""Many tabs and interruptions: twenty tabs cost one waiting request, and a killed service costs nothing."""

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, expect

from tests.support.browser import Problems, new_context, open_page
from tests.support.console_jobs import train
from tests.support.eventually import eventually
from tests.support.stack_process import StackProcess

TABS = 20


class Waiting:
    """The requests for changes that are under way, by tab."""

    def __init__(self, pages: list[Page]) -> None:
        self.requests: dict[Request, Page] = {}
        for page in pages:
            page.on("request", lambda request, page=page: self._begun(request, page))
            page.on("requestfinished", lambda request: self.requests.pop(request, None))
            page.on("requestfailed", lambda request: self.requests.pop(request, None))

    def _begun(self, request: Request, page: Page) -> None:
        if "/changes" in request.url:
            self.requests[request] = page


@pytest.mark.browser
def test_twenty_tabs_cost_one_waiting_request(browser: Browser, console_url: str, api: httpx.Client) -> None:
    context = new_context(browser, console_url)
    pages = [context.new_page() for _ in range(TABS)]
    waiting = Waiting(pages)
    for page in pages:
        open_page(page, "/jobs")
    job_id = train(api, model_name="for-all-tabs")
    for page in pages:
        expect(page.get_by_label(f"Select {job_id}", exact=True)).to_be_visible()
    assert len(waiting.requests) <= 1
    # A tab that has the lock is closed: another one asks.
    holder = next(iter(waiting.requests.values()), pages[0])
    holder.close()
    rest = [page for page in pages if page is not holder]
    job_id = train(api, model_name="for-the-others")
    for page in rest:
        expect(page.get_by_label(f"Select {job_id}", exact=True)).to_be_visible()
    # The service still has room for those who wait for a job.
    answer = api.get(f"/jobs/{job_id}?wait=30")
    assert (answer.status_code, answer.json()["status"]) == (200, "COMPLETED")
    assert "Retry-After" not in answer.headers
    context.close()


@pytest.mark.browser
def test_a_killed_service_is_told_and_the_page_goes_on(
    page: Page, problems: Problems, stack: StackProcess, api: httpx.Client
) -> None:
    problems.expected = ("ERR_CONNECTION", "ERR_EMPTY", "503: GET")
    open_page(page, "/jobs")
    stack.part("api").kill()
    expect(page.get_by_text("No connection to the service")).to_be_visible()
    expect(page.get_by_role("row").nth(1)).to_be_visible()  # what was shown is still there
    expect(page.get_by_text("No connection to the service")).to_be_hidden()
    eventually(lambda: _is_ready(api), what="the API is back")
    job_id = train(api, model_name="after-the-kill")
    expect(page.get_by_label(f"Select {job_id}", exact=True)).to_be_visible()


def _is_ready(api: httpx.Client) -> bool:
    try:
        return api.get("/health/ready").is_success
    except httpx.TransportError:
        return False
