"""Debian's Chromium, steered by Playwright: it notes everything that goes wrong on a page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MILLISECONDS = 60_000  # a loaded machine is no defect of a page
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RUN_AXE = f"{AXE}\nreturn await axe.run(document, {{resultTypes: ['violations']}});"
NARROW: dict[str, Any] = {"viewport": {"width": 360, "height": 720}}
GERMAN: dict[str, Any] = {"locale": "de-DE"}
DARK: dict[str, Any] = {"color_scheme": "dark"}


def open_page(page: Page, path: str) -> None:
    """Open a page of the console and wait until it has loaded."""
    page.goto(f"/console{path}")
    expect(page.locator("h1").first).to_be_visible()
    expect(page.get_by_text("Loading …")).to_have_count(0)


def find_browser() -> str:
    """The path of the browser; without one the tests are left out, but not in continuous integration."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("continuous integration has no browser: .ci/run installs chromium")
    return found or pytest.skip(reason="no browser: install chromium (Debian: apt-get install chromium)")


@dataclass
class Problems:
    """What a browser found wrong: scripts that raised, refusals of the content policy, answers that failed."""

    found: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()  # parts of lines that a test provokes

    def __bool__(self) -> bool:
        return bool(self.unexpected)

    @property
    def unexpected(self) -> list[str]:
        """All but the provoked ones."""
        return [line for line in self.found if not any(part in line for part in self.expected)]

    def watch(self, page: Page) -> None:
        """Note what happens on this page."""
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("console", self._console)
        page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        # "Failed to load resource" names no address; `_response` does.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.found.append(f"{message.type}: {message.text}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.found.append(f"{response.status}: {response.request.method} {response.url}")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """One browser without a window."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        yield browser
        browser.close()


def new_context(browser: Browser, base_url: str, **options: Any) -> BrowserContext:
    """A browser profile of its own: no key, no language, no tabs of others."""
    context = browser.new_context(base_url=base_url, **{"locale": "en-US", "bypass_csp": False} | options)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    return context


def accessibility_violations(page: Page) -> list[str]:
    """What axe-core finds on the page as it is now: the rule and the first element of each.

    Source: https://github.com/dequelabs/axe-core; the script runs beside the page's policy, in the debugger's world.
    """
    found: dict[str, Any] = page.evaluate(f"async () => {{ {RUN_AXE} }}")
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found["violations"]]
