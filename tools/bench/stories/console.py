"""The console beside 1,000,000 jobs: how soon each page is drawn once its data are there, and what the API takes."""

import time
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Page

from tests.support.browser import new_context, running_browser
from tools.bench.figures import Row, at_most, median, percentile
from tools.bench.http_client import Connection
from tools.bench.probing import run_probe
from tools.bench.service import running_service, sample_dataset, train_spec, wait_until_completed
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
    "/studies/{study}",
    "/fleet",
)
# Each change of the page is followed to the frame that shows it. The first answers count, not those of later looks.
WATCH = """
window.drawn = 0;
const inTwoFrames = (then) => requestAnimationFrame(() => requestAnimationFrame(then));
new MutationObserver(() => inTwoFrames(() => { window.drawn = performance.now(); }))
  .observe(document, { childList: true, subtree: true, characterData: true });
"""
# A promise of the page: its policy forbids the evaluation by which Playwright would look again and again.
UNTIL_QUIET = """
() => new Promise((done) => {
  const isAnswer = ({ name, responseEnd }) => name.includes("/api/v1/") && responseEnd > 0;
  const hasAnswer = () => performance.getEntriesByType("resource").some(isAnswer);
  const isQuiet = () => hasAnswer() && window.drawn > 0 && performance.now() - window.drawn > 600;
  const look = () => isQuiet() ? done() : setTimeout(look, 50);
  look();
})
"""
FIGURES = """
() => {
  const isAnswer = ({ name }) => name.includes("/api/v1/") && !/wait=|[/]events/.test(name);
  const answers = performance.getEntriesByType("resource").filter(isAnswer);
  return {
    drawn: window.drawn,
    data: Math.max(...answers.map((one) => one.responseEnd)),
    took: answers.map((one) => [one.name.split("/api/v1")[1], one.responseEnd - one.requestStart]),
    rows: document.querySelectorAll("tbody tr").length,
  };
}
"""


def measure(run: Run) -> Sequence[Row]:
    """On SQLite: what the browser does is the same with PostgreSQL."""
    finished, pending = run.size((1_000_000, 100_000), (50_000, 5_000))
    settings = {"limits__pending_jobs": ENOUGH, "worker_concurrency": 1}
    with running_service(run.checkout, run.directory / "console", **settings) as service:
        http, url = service.connect(), service.database_url
        dataset_id = sample_dataset(http)
        service.freeze("maintenance", "exporter")
        run_probe(run.checkout, "fill", url, finished, 0)
        job = _small_study(http, dataset_id)
        service.freeze("worker")
        run_probe(run.checkout, "fill_study", url, job["id"], run.size(10_000, 1_000))
        run_probe(run.checkout, "fill", url, 0, pending)
        run.say("filled")
        with run.timing(), running_browser() as browser:
            context = new_context(browser, f"http://127.0.0.1:{service.port}")
            context.add_init_script(WATCH)
            page = context.new_page()
            places = {"middle": finished // 2, "model": finished // 20, "study": job["result"]["study_id"]}
            seen = {path: _seen(page, path.format(**places), run.size(10, 3)) for path in ADDRESSES}
            context.close()
            asked = {path for figures in seen.values() for one in figures for path, _ in one["took"]}
            alone = {path: _alone(http, path, run.size(100, 20)) for path in sorted(asked)}
    return _rows(seen, alone)


def _small_study(http: Connection, dataset_id: int) -> dict[str, Any]:
    """The ended TUNE job of two trials."""
    train = train_spec(dataset_id, n_estimators=5)
    common = {name: value for name, value in train.items() if name not in ("job_type", "model_name")}
    search = {"/params/learning_rate": {"low": 0.1, "high": 0.9}, "/params/num_leaves": {"low": 7, "high": 63}}
    tune = {"job_type": "TUNE", "model_name": "study", "train": common, "search": search, "metric": "roc_auc"}
    return wait_until_completed(http, http.post("/jobs", {**tune, "trials": 2})["id"])


def _alone(http: Connection, path: str, count: int) -> list[float]:
    """Milliseconds of each answer for a client that asks once after the other, while no browser draws."""
    took = []
    for _ in range(count):
        started = time.perf_counter()
        http.get(path)
        took.append(1_000 * (time.perf_counter() - started))
    return took


def _seen(page: Page, path: str, count: int) -> list[dict[str, Any]]:
    found = []
    for number in range(-1, count):
        page.goto(f"/console{path}", wait_until="load")
        page.evaluate(UNTIL_QUIET)
        if number >= 0:
            found.append(page.evaluate(FIGURES))
    return found


def _rows(seen: dict[str, list[dict[str, Any]]], alone: dict[str, list[float]]) -> list[Row]:
    in_browser = [milliseconds for figures in seen.values() for one in figures for _, milliseconds in one["took"]]
    slowest = sorted(((percentile(took, 0.99), path) for path, took in alone.items()), reverse=True)
    worst = ", ".join(f"{path} {milliseconds:.0f}" for milliseconds, path in slowest[:3])
    rows = max(one["rows"] for figures in seen.values() for one in figures)
    return [
        Row("answers of the API, p99 of the slowest", slowest[0][0], "ms", at_most(50), f"of {len(slowest)}: {worst}"),
        Row("in the browser, while it draws: p99", percentile(in_browser, 0.99), "ms", None, _median_of(in_browser)),
        Row("rows of a table in the document, at most", rows, "", at_most(50)),
        *(_drawn(path, figures) for path, figures in seen.items()),
    ]


def _median_of(took: list[float]) -> str:
    return f"median {median(took):.1f}"


def _drawn(path: str, figures: list[dict[str, Any]]) -> Row:
    late = [max(0.0, one["drawn"] - one["data"]) for one in figures]
    return Row(f"{path} drawn after its data", median(late), "ms", at_most(300), f"slowest {max(late):.0f}")


STORY = Story(
    "console",
    "The console beside 1,000,000 jobs",
    "Headless Chromium on the same machine opens each page of the console; 1,000,000 finished jobs, 100,000 waiting "
    "ones, 100,000 models and a study of 10,000 trials on SQLite; from the end of the last answer of the API to the "
    "frame that shows it.",
    measure,
)
