"""The console beside 1,000,000 jobs: how soon each page is drawn once its data are there, and what the API takes."""

from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Page

from tests.support.browser import new_context, running_browser
from tools.bench.figures import Row, at_most, median, percentile
from tools.bench.probing import run_probe
from tools.bench.service import running_service, sample_dataset
from tools.bench.stories.base import Run, Story
from tools.bench.stories.growth import ENOUGH

ADDRESSES = (
    "/",
    "/jobs",
    "/jobs?status=FAILED",
    "/jobs?job_type=TRAIN&status=COMPLETED",
    "/jobs/{middle}",
    "/datasets",
    "/models",
    "/models/{model}",
    "/predictions",
    "/studies",
    "/fleet",
)
# Each change of the page is followed to the frame that shows it. The first answers count, not those of later looks.
WATCH = """
window.drawn = 0;
const inTwoFrames = (then) => requestAnimationFrame(() => requestAnimationFrame(then));
new MutationObserver(() => inTwoFrames(() => { window.drawn = performance.now(); }))
  .observe(document, { childList: true, subtree: true, characterData: true });
"""
FIGURES = """
() => {
  const isAnswer = ({ name }) => name.includes("/api/v1/") && !name.includes("wait=");
  const answers = performance.getEntriesByType("resource").filter(isAnswer);
  return {
    drawn: window.drawn,
    data: Math.max(...answers.map((one) => one.responseEnd)),
    took: answers.map((one) => one.responseEnd - one.requestStart),
    rows: document.querySelectorAll("tbody tr").length,
  };
}
"""


def measure(run: Run) -> Sequence[Row]:
    """On SQLite: what the browser does is the same with PostgreSQL."""
    finished, pending = run.size((1_000_000, 100_000), (50_000, 5_000))
    settings = {"limits__pending_jobs": ENOUGH, "worker_concurrency": 1}
    with running_service(run.checkout, run.directory / "console", **settings) as service:
        sample_dataset(service.connect())
        service.freeze("worker", "maintenance", "exporter")
        run_probe(run.checkout, "fill", service.database_url, finished, pending)
        run.say("filled")
        with run.timing(), running_browser() as browser:
            context = new_context(browser, f"http://127.0.0.1:{service.port}")
            context.add_init_script(WATCH)
            page = context.new_page()
            places = {"middle": finished // 2, "model": finished // 20}
            seen = {path: _seen(page, path.format(**places), run.size(10, 3)) for path in ADDRESSES}
    return _rows(seen)


def _seen(page: Page, path: str, count: int) -> list[dict[str, Any]]:
    found = []
    for number in range(-1, count):
        page.goto(f"/console{path}", wait_until="load")
        page.wait_for_function("window.drawn > 0 && performance.now() - window.drawn > 600")
        if number >= 0:
            found.append(page.evaluate(FIGURES))
    return found


def _rows(seen: dict[str, list[dict[str, Any]]]) -> list[Row]:
    took = [milliseconds for figures in seen.values() for one in figures for milliseconds in one["took"]]
    rows = max(one["rows"] for figures in seen.values() for one in figures)
    return [
        Row("answers of the API, p99", percentile(took, 0.99), "ms", at_most(50), f"median {median(took):.1f}"),
        Row("rows of a table in the document, at most", rows, "", at_most(50)),
        *(_drawn(path, figures) for path, figures in seen.items()),
    ]


def _drawn(path: str, figures: list[dict[str, Any]]) -> Row:
    late = [max(0.0, one["drawn"] - one["data"]) for one in figures]
    return Row(f"{path} drawn after its data", median(late), "ms", at_most(300), f"slowest {max(late):.0f}")


STORY = Story(
    "console",
    "The console beside 1,000,000 jobs",
    "Headless Chromium on the same machine opens each page of the console; 1,000,000 finished jobs, 100,000 waiting "
    "ones and 100,000 models on SQLite; from the end of the last answer of the API to the frame that shows it.",
    measure,
)
