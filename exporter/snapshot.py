"""What the database said last: every collector asked in one read transaction, and remembered while it is away."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from exporter.collectors.base import Collector, Show
from ml_training.db.engine import Database
from ml_training.db.stats import Stats, open_stats
from ml_training.domain.errors import Unavailable
from ml_training.logs import get_logger

log = get_logger(__name__)
PATIENCE_SECONDS = 1.5  # a database that has not answered for so long is not connected, whatever it does later


@dataclass(frozen=True, slots=True)
class Run:
    """How the last run of a collector went."""

    ok: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class _Answer:
    show: Show
    at: float
    lifetime: float


class Snapshots:
    """Reads, on one thread, what others show; `clock` is monotonic, seconds."""

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
        self._lock = threading.Lock()
        self._answers: dict[str, _Answer] = {}
        self._runs: dict[str, Run] = {}
        self._due: dict[str, float] = {}  # collectors that must rest until then
        self._asked_at: float | None = None  # since when a read is under way
        self._connected = False
        self._good_at = clock()  # of the last read in which the database answered; the start counts as one
        self._ahead = time.time() - self._good_at  # the database's clock minus ours
        self.attempted = threading.Event()
        """Set once the first read is over, however it went."""

    def read(self) -> None:
        """Ask every collector that is due. An outage and a broken collector are answers too: nothing is raised."""
        self._asked_at = self._clock()
        waiting = [collector for collector in self._collectors if self._due.get(collector.name, 0.0) <= self._asked_at]
        try:
            while waiting:
                self._read_some(waiting)
        except Unavailable as error:
            self._set_connected(False, why=str(error.__cause__ or error)[:300])
            with self._lock:
                self._runs.update({collector.name: Run(ok=False, seconds=0.0) for collector in waiting})
        else:
            self._good_at = self._asked_at
            self._set_connected(True)
        finally:
            self._asked_at = None
            self.attempted.set()
            self._on_read()

    def _read_some(self, waiting: list[Collector]) -> None:
        # A failed statement spoils its transaction, so what follows a broken collector is asked in a new one.
        try:
            with open_stats(self._database) as stats:
                self._ahead = stats.now - self._clock()
                while waiting:
                    self._ask(waiting[0], stats)
                    del waiting[0]
        except Unavailable:
            raise
        except Exception:
            # The collector's edge: one broken question must not cost the page. Said once, not once a second.
            if not waiting:
                raise
            collector = waiting.pop(0)
            if self._runs.get(collector.name, Run(ok=True, seconds=0.0)).ok:
                log.exception("collector_failed", collector=collector.name)
            with self._lock:
                self._runs[collector.name] = Run(ok=False, seconds=0.0)

    def _ask(self, collector: Collector, stats: Stats) -> None:
        started = self._clock()
        answer = _Answer(collector.ask(stats), started, collector.lifetime)
        took = self._clock() - started
        self._due[collector.name] = started + took / collector.share
        with self._lock:
            self._answers[collector.name] = answer
            self._runs[collector.name] = Run(ok=True, seconds=took)

    def _set_connected(self, connected: bool, why: str = "") -> None:
        if connected != self._connected:
            log.info("database_connected") if connected else log.warning("database_away", error=why)
        self._connected = connected

    @property
    def connected(self) -> bool:
        """Whether the database answered the last time, and is not taking too long now."""
        asked_at = self._asked_at
        return self._connected and (asked_at is None or self._clock() - asked_at < PATIENCE_SECONDS)

    @property
    def age(self) -> float:
        """Seconds since the database answered; since the start of this process if it never did."""
        return self._clock() - self._good_at

    @property
    def now(self) -> float:
        """The database's clock, Unix seconds; estimated from its last answer."""
        return self._clock() + self._ahead

    def shows(self) -> Iterator[tuple[str, Show]]:
        """The answers that are not too old."""
        with self._lock:
            answers = tuple(self._answers.items())
        now = self._clock()
        return ((name, answer.show) for name, answer in answers if now - answer.at <= answer.lifetime)

    def runs(self) -> dict[str, Run]:
        """How each collector's last run went."""
        with self._lock:
            return dict(self._runs)
