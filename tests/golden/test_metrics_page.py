"""The whole page of a fixed scenario, in a file: a metric cannot be renamed, lost or changed by accident."""

import difflib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from exporter.__main__ import build_exporter
from exporter.metrics_page import MetricsPage, PageFormat, PageVariant
from ml_training.db.engine import Database
from ml_training.domain.queue_names import QUEUE
from ml_training.local.ports import free_port
from ml_training.settings import Settings
from tests.support.event_messages import event_message
from tests.support.exporter import Series
from tests.support.promtool import find_promtool
from tests.support.scenario import open_scenario, write_scenario

GOLDEN = Path(__file__).with_name("metrics.txt")
ALLOWED = Path(__file__).with_name("promtool_allow.txt")
UPDATE = "UPDATE_GOLDEN"  # set it to write the file again, then read the difference
THIS_MACHINE = re.compile(
    r"^((?:process_|python_|ml_exporter_collector_duration_|ml_exporter_snapshot_age_)[^ ]*) [^ ]+$", re.MULTILINE
)
THIS_PYTHON = re.compile(r'(?<=[{,])(python|version|implementation|major|minor|patchlevel)="[^"]*"')


@pytest.fixture
def page(database: Database, database_url: str, broker_url: str) -> MetricsPage:
    """The page of the scenario at its own moment."""
    scenario = open_scenario(database)
    write_scenario(scenario)
    with redis.Redis.from_url(broker_url) as client:
        client.lpush(QUEUE, "permit", "permit", "permit")
    settings = Settings(
        database_url=database_url, broker_url=broker_url, exporter_port=free_port(), metrics_projects="default, unknown"
    )
    exporter = build_exporter(settings, revision="0123abc")
    try:
        exporter.snapshot.read()
        exporter.probe.check()
        now = time.time()
        exporter.event_consumer.consume([event_message({"type": "task-started", "timestamp": now - 0.25})], now)
        return MetricsPage(exporter.page_builder.families(scenario.base))
    finally:
        exporter.stop()


def masked(text: str) -> str:
    return THIS_PYTHON.sub(r'\1="*"', THIS_MACHINE.sub(r"\1 *", text))


def text_of(page: MetricsPage) -> str:
    return page.body(PageVariant(PageFormat.TEXT, gzip=False)).decode()


def test_the_page_of_the_story_is_the_golden_file(page: MetricsPage) -> None:
    found = masked(text_of(page))
    if os.environ.get(UPDATE):
        GOLDEN.write_text(found, encoding="utf-8")
    wanted = GOLDEN.read_text(encoding="utf-8")
    difference = "\n".join(
        difflib.unified_diff(wanted.splitlines(), found.splitlines(), "golden", "found", lineterm="")
    )
    assert not difference, f"the page changed; if that is meant, run once with {UPDATE}=1:\n{difference}"


def test_both_formats_read_strictly_and_hold_the_same_series(page: MetricsPage) -> None:
    text = Series(text_of(page))
    openmetrics = Series(page.body(PageVariant(PageFormat.OPENMETRICS, gzip=False)).decode(), openmetrics=True)
    assert len(text) == len(openmetrics) > 200


def test_promtool_finds_only_the_clients_three_names(page: MetricsPage) -> None:
    assert findings(text_of(page)) == sorted(ALLOWED.read_text(encoding="utf-8").splitlines())


def findings(text: str) -> list[str]:
    """What `promtool check metrics` says; without it, its rules about the reserved suffixes."""
    program = find_promtool()
    if program is None:
        return sorted(_suffix_findings(text))
    done = subprocess.run(
        [program, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in {0, 3}, done.stderr
    return sorted((done.stdout + done.stderr).splitlines())


def _suffix_findings(text: str) -> Iterator[str]:
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        if kind != "counter" and name.endswith("_total"):
            yield f'{name} non-counter metrics should not have "_total" suffix'
        if kind not in {"histogram", "summary"} and name.endswith("_count"):
            yield f'{name} non-histogram and non-summary metrics should not have "_count" suffix'
