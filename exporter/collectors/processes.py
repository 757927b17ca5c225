"""Which processes are alive, by their heartbeat rows: workers stay on the page when only Redis is away."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from exporter import metrics
from exporter.collectors.base import Collector, Render
from exporter.exposition import Families, finite, identifier, sample, samples
from exporter.metrics import Metric
from ml_training.db.stats import HeartbeatRow, Stats

ALIVE_SECONDS = 30.0
FORGOTTEN_SECONDS = 600.0
MAX_WORKERS = 200
MAX_PROCESSES = 400

_WORKER_METRICS: tuple[Metric, ...] = (
    metrics.WORKER_UP,
    metrics.WORKER_AGE,
    metrics.WORKER_SLOTS,
    metrics.WORKER_BUSY,
)


class _Process(NamedTuple):
    kind: str
    label: str
    seen_at: float
    body: dict[str, Any]
    busy: int

    def number(self, key: str) -> float | None:
        """A number from the process's own report; None if there is none."""
        return finite(self.body.get(key))

    def says(self, key: str) -> int | None:
        """1 or 0 for what the process says is true or false; None if it says nothing."""
        value = self.body.get(key)
        return int(value) if isinstance(value, bool) else None

    def is_alive(self, now: float) -> bool:
        return now - self.seen_at <= ALIVE_SECONDS


def _distinct(rows: Sequence[HeartbeatRow], busy: Mapping[str, int]) -> list[_Process]:
    # Names that read the same as labels would be a duplicate series, which costs the whole scrape: the newest wins.
    found: dict[str, _Process] = {}
    for row in rows:
        label = identifier(row.process)
        body = row.body if isinstance(row.body, dict) else {}
        found.setdefault(label, _Process(row.kind, label, row.seen_at, body, busy.get(row.process, 0)))
    return list(found.values())


def _uptime(living: Sequence[_Process], now: float) -> float:
    starts = [process.number("master_started_at") for process in living if process.kind == "api"]
    newest = max((start for start in starts if start is not None), default=now)
    return round(max(0.0, now - newest), 3)


def _storage_free(living: Sequence[_Process]) -> float | None:
    reported = [process.number("storage_free_bytes") for process in living if process.kind == "maintenance"]
    return min((free for free in reported if free is not None), default=None)


def _workers(recent: Sequence[_Process], now: float) -> Families:
    shown = recent[:MAX_WORKERS]
    living = [worker for worker in shown if worker.is_alive(now)]
    age = [((worker.label,), round(max(0.0, now - worker.seen_at), 3)) for worker in shown]
    return {
        metrics.WORKERS_UP: sample(metrics.WORKERS_UP, (), sum(worker.is_alive(now) for worker in recent)),
        metrics.WORKER_UP: samples(metrics.WORKER_UP, [((w.label,), int(w.is_alive(now))) for w in shown]),
        metrics.WORKER_AGE: samples(metrics.WORKER_AGE, age),
        # What a silent worker was doing is unknown, so it is absent.
        metrics.WORKER_SLOTS: samples(metrics.WORKER_SLOTS, [((w.label,), w.number("slots")) for w in living]),
        metrics.WORKER_BUSY: samples(metrics.WORKER_BUSY, [((w.label,), w.busy) for w in living]),
    }


class ProcessesCollector(Collector):
    """Uptime, workers, free storage, and memory of every process seen within ten minutes.

    Which of them are alive depends on the moment for which they are rendered.
    """

    name = "processes"

    def collect(self, stats: Stats) -> Render:
        rows = stats.heartbeats(within=FORGOTTEN_SECONDS, limit=2 * MAX_PROCESSES)
        processes = _distinct(rows, stats.busy_slots())
        workers = [process for process in processes if process.kind == "worker"]
        self.dropped += len(_WORKER_METRICS) * max(0, len(workers) - MAX_WORKERS) + max(
            0, len(processes) - MAX_PROCESSES
        )

        def render(now: float) -> Families:
            recent = [process for process in processes if now - process.seen_at <= FORGOTTEN_SECONDS]
            living = [process for process in recent if process.is_alive(now)]
            memory = [((process.label,), process.number("rss_bytes")) for process in living[:MAX_PROCESSES]]
            right = [((process.label,), process.says("storage_ok")) for process in living[:MAX_PROCESSES]]
            taking = [((process.label,), process.says("broker_ok")) for process in living[:MAX_PROCESSES]]
            return {
                metrics.SERVICE_UPTIME: sample(metrics.SERVICE_UPTIME, (), _uptime(living, now)),
                metrics.PROCESS_MEMORY: samples(metrics.PROCESS_MEMORY, memory),
                metrics.PROCESS_STORAGE_OK: samples(metrics.PROCESS_STORAGE_OK, right),
                metrics.PROCESS_BROKER_OK: samples(metrics.PROCESS_BROKER_OK, taking),
                metrics.STORAGE_FREE: sample(metrics.STORAGE_FREE, (), _storage_free(living)),
                **_workers([process for process in recent if process.kind == "worker"], now),
            }

        return render
