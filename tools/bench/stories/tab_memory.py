"""The memory of the console's tabs while jobs come and go: pages that live for a day must not grow."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.sync_api import CDPSession, Page

from tests.support.browser import new_context, open_page, running_browser
from tools.bench.figures import Row, at_most, median
from tools.bench.http_client import Connection
from tools.bench.service import running_service, sample_dataset, train_spec
from tools.bench.stories.base import Run, Story

ADDRESSES = ("/", "/jobs", "/fleet", "/jobs/{job}")
PAUSE_SECONDS = 1.0  # between two jobs
SETTLED = 0.1  # the first part of the time fills caches of the browser; growth counts after it
ROUNDS = 10_000  # of the job whose page is open: it reports a curve and a log
MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Look:
    """What one tab holds after a garbage collection; bytes of the JavaScript heap, nodes of the document."""

    seconds: float
    heap: float
    nodes: float


def measure(run: Run) -> Sequence[Row]:
    """One tab for each address, all of them live, for an hour."""
    minutes = run.size(60, 3)
    with running_service(run.checkout, run.directory / "tabs") as service:
        http = service.connect()
        dataset_id = sample_dataset(http)
        long_job = http.post("/jobs", train_spec(dataset_id, n_estimators=ROUNDS, learning_rate=0.001))
        with run.timing(), running_browser() as browser:
            context = new_context(browser, f"http://127.0.0.1:{service.port}")
            tabs = {}
            for address in ADDRESSES:
                page = context.new_page()
                open_page(page, address.format(job=long_job["id"]))
                tabs[address] = (page, context.new_cdp_session(page))
            jobs, looks = _watch(http, dataset_id, tabs, minutes=minutes)
    return [
        Row("jobs that came and went", jobs),
        *(row for address in ADDRESSES for row in _rows(address, looks[address])),
    ]


def _watch(
    http: Connection, dataset_id: int, tabs: dict[str, tuple[Page, CDPSession]], *, minutes: float
) -> tuple[int, dict[str, list[Look]]]:
    looks: dict[str, list[Look]] = {address: [] for address in tabs}
    started, jobs, due = time.monotonic(), 0, 0.0
    while (now := time.monotonic() - started) < minutes * 60:
        http.post("/jobs", train_spec(dataset_id, n_estimators=5, learning_rate=0.05 + jobs * 1e-6))
        jobs += 1
        if now >= due:
            for address, (_, session) in tabs.items():
                looks[address].append(_look(session, now))
            due = now + minutes
        next(iter(tabs.values()))[0].wait_for_timeout(PAUSE_SECONDS * 1000)
    for address, (_, session) in tabs.items():
        looks[address].append(_look(session, now))
    return jobs, looks


def _look(session: CDPSession, seconds: float) -> Look:
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"]
    return Look(seconds, heap, session.send("Memory.getDOMCounters")["nodes"])


def _rows(address: str, looks: list[Look]) -> list[Row]:
    settled = [look for look in looks if look.seconds >= SETTLED * looks[-1].seconds]
    third = max(1, len(settled) // 3)
    first, last = (median([look.heap for look in part]) for part in (settled[:third], settled[-third:]))
    nodes = max(look.nodes for look in settled)
    return [
        Row(
            f"{address}: heap of the last third / of the first", last / first, "", at_most(1.1), f"{len(settled)} looks"
        ),
        Row(f"{address}: heap at the end", settled[-1].heap / MEGABYTE, "MB", None, f"at most {nodes:.0f} nodes"),
    ]


STORY = Story(
    "tabs",
    "The memory of open tabs",
    "Headless Chromium keeps four pages of the console open for an hour, one of them of a job with a long curve, while "
    "a job a second is submitted and done; the JavaScript heap after a garbage collection, at sixty moments.",
    measure,
)
