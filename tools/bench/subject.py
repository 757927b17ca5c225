"""The exporter under measurement: its own process, seen from outside."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from ml_training.local.ports import free_port
from tests.support.eventually import eventually
from tests.support.exporter import Series
from tools.bench.scraping import Answer, Scraper


class Subject:
    """A running exporter; memory in MB, CPU in seconds."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port
        self._process = psutil.Process(pid)
        self._scraper = Scraper(port, gzip=False)

    def cpu(self) -> float:
        """CPU seconds since its start."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def rss(self) -> float:
        """Resident memory."""
        return float(self._process.memory_info().rss) / 1e6

    def alive(self) -> bool:
        """Whether it is still this very process."""
        return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE

    def scrape(self) -> Answer:
        """One plain page."""
        return self._scraper.scrape()

    def series(self) -> Series:
        """The page, parsed strictly."""
        return Series(self.scrape().body.decode())

    def shows(self, line: bytes) -> bool:
        """Whether a line that starts so stands on the page."""
        return b"\n" + line in self.scrape().body

    def events(self) -> int:
        """Events received so far."""
        return int(sum(self.series().all("ml_events_received_total").values()))


@contextmanager
def running_subject(database_url: str, broker_url: str, directory: Path) -> Iterator[Subject]:
    """`python -m exporter` over these; ended afterwards."""
    port = free_port()
    variables = {
        "DATABASE_URL": database_url,
        "BROKER_URL": broker_url,
        "EXPORTER_PORT": str(port),
        "LOG_LEVEL": "WARNING",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ML_TRAINING_")}
    environment = {**kept, "ML_TRAINING_DATA_DIR": str(directory)} | {
        f"ML_TRAINING_{k}": v for k, v in variables.items()
    }
    with (directory / "exporter.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "exporter"], env=environment, stdout=log, stderr=log)
    try:
        subject = Subject(process.pid, port)
        eventually(lambda: subject.scrape().status == 200, within=60, what="the exporter answers")
        eventually(lambda: subject.shows(b"ml_db_connected 1"), within=30, what="the exporter has read")
        yield subject
    finally:
        process.terminate()
        process.wait(20)


def idle_cpu(subject: Subject, *, seconds: float) -> float:
    """Per cent of a core while nobody asks."""
    until = time.monotonic() + seconds
    before, started = subject.cpu(), time.monotonic()
    eventually(lambda: time.monotonic() > until, within=seconds + 60, every=1.0)
    return 100 * (subject.cpu() - before) / (time.monotonic() - started)
