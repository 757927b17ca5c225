"""What the database said last: all collectors read it in one transaction; answers are kept while it is away."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exporter.collector_run import CollectorRun, CollectorRunner
from exporter.collectors.base import Collector, Render
from ml_training.db.engine import Database
from ml_training.db.stats import Stats, open_stats
from ml_training.domain.errors import Unavailable
from ml_training.logs import get_logger

log = get_logger(__name__)
READ_TIMEOUT_SECONDS = 1.5  # a database that has not answered for this long is not connected, even if it answers later


@dataclass(frozen=True, slots=True)
class _Answer:
    render: Render
    at: float
    lifetime: float


class DatabaseSnapshot:
    """Written by one thread, read by others; `clock` is monotonic, seconds."""

    def __init__(
        self,
        database: Database,
        collectors: Sequence[Collector],
        *,
        on_read: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._collectors = tuple(collectors)
        self._on_read = on_read
        self._clock = clock
        self._runner = CollectorRunner(clock)
        self._lock = threading.Lock()
        self._answers: dict[str, _Answer] = {}
        self._runs: dict[str, CollectorRun] = {}
        self._due: dict[str, float] = {}  # collectors that must rest until then
        self._read_started_at: float | None = None  # None while no read is under way
        self._connected = False
        self._answered_at = clock()  # the last read in which the database answered; the start counts as one
        self._clock_offset = time.time() - self._answered_at  # the database's clock minus ours
        self.attempted = threading.Event()
        """Set once the first read has ended, with or without success."""

    def read(self) -> None:
        """Run every collector that is due. Raises nothing for an outage or a broken collector: both are recorded."""
        started = self._read_started_at = self._clock()
        due = [collector for collector in self._collectors if self._due.get(collector.name, 0.0) <= started]
        try:
            while due:
                self._collect_until_error(due)
        except Unavailable as error:
            self._set_connected(False, why=str(error.__cause__ or error)[:300])
            with self._lock:
                self._runs.update({collector.name: CollectorRun(ok=False, seconds=0.0) for collector in due})
        else:
            self._answered_at = started
            self._set_connected(True)
        finally:
            self._read_started_at = None
            self.attempted.set()
            self._on_read()

    def _collect_until_error(self, due: list[Collector]) -> None:
        # A failed statement spoils its transaction, so what follows a broken collector is read in a new one.
        with open_stats(self._database) as stats:
            self._clock_offset = stats.now - self._clock()
            ok = True
            while ok and due:
                ok = self._collect(due[0], stats)
                del due[0]

    def _collect(self, collector: Collector, stats: Stats) -> bool:
        started = self._clock()
        run, render = self._runner.run(collector.name, lambda: collector.collect(stats), reraise=(Unavailable,))
        with self._lock:
            self._runs[collector.name] = run
            if render is not None:
                self._answers[collector.name] = _Answer(render, started, collector.lifetime)
        if run.ok:
            self._due[collector.name] = started + run.seconds / collector.share
        return run.ok

    def _set_connected(self, connected: bool, why: str = "") -> None:
        if connected != self._connected:
            log.info("database_connected") if connected else log.warning("database_away", error=why)
        self._connected = connected

    @property
    def connected(self) -> bool:
        """Whether the database answered the last time, and is not taking too long now."""
        started = self._read_started_at
        return self._connected and (started is None or self._clock() - started < READ_TIMEOUT_SECONDS)

    @property
    def age(self) -> float:
        """Seconds since the database answered; since the start of this process if it never did."""
        return self._clock() - self._answered_at

    @property
    def now(self) -> float:
        """The database's clock, Unix seconds; estimated from its last answer."""
        return self._clock() + self._clock_offset

    def renders(self) -> list[tuple[str, Render]]:
        """The answers that are not too old, by collector."""
        with self._lock:
            answers = tuple(self._answers.items())
        now = self._clock()
        return [(name, answer.render) for name, answer in answers if now - answer.at <= answer.lifetime]

    def runs(self) -> dict[str, CollectorRun]:
        """How each collector's last run went."""
        with self._lock:
            return dict(self._runs)
