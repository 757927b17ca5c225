"""How many jobs ended, how long they waited and ran, what was lost: from the ledger, whose sums never fall."""

from collections import Counter
from collections.abc import Iterable, Sequence

from exporter import metrics
from exporter.collectors.base import Collector, Render, always
from exporter.exposition import Families, histogram, samples
from exporter.metrics import Metric
from ml_training.db.stats import LedgerTotal, Stats
from ml_training.domain.algorithms import ModelType
from ml_training.domain.histogram_buckets import DURATION_BUCKETS, WAIT_BUCKETS
from ml_training.domain.retry import EndReason
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus

OTHER = "other"
ESTIMATES = ("seconds", "starts_in_seconds")  # as a dry run names them
ESTIMATE_RESULTS = {"estimate_held": "held", "estimate_missed": "missed"}
REUSING = (JobType.TRAIN, JobType.PREDICT, JobType.TRIAL)  # the types whose specs have `reuse`
SUM_DIGITS = (
    6  # microseconds: below that, the sum depends on the order of the addition, which differs between exporters
)


def _jobs(ended: Iterable[LedgerTotal]) -> bytes:
    counts: Counter[tuple[str, str]] = Counter()
    for row in ended:
        counts[row.job_type, row.label] += row.n
    terminal = [status for status in JobStatus if status.is_terminal]
    return samples(metrics.JOBS, [((a, b), counts[a, b]) for a in JobType for b in terminal])


def _reused(rows: Iterable[LedgerTotal]) -> bytes:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.job_type] += row.n
    return samples(metrics.JOBS_REUSED, [((job_type,), counts[job_type]) for job_type in REUSING])


def _estimates(rows: Iterable[LedgerTotal]) -> bytes:
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        counts[row.label, ESTIMATE_RESULTS[row.kind]] += row.n
    keys = [(estimate, result) for estimate in ESTIMATES for result in ESTIMATE_RESULTS.values()]
    return samples(metrics.ESTIMATES, [(key, counts[key]) for key in keys])


def _lost(rows: Iterable[LedgerTotal]) -> bytes:
    counts: Counter[str] = Counter(dict.fromkeys([reason for reason in EndReason if reason.is_charged], 0))
    for row in rows:
        counts[row.label if row.label in counts else OTHER] += row.n
    return samples(metrics.ATTEMPTS_LOST, [((reason,), count) for reason, count in counts.items()])


def _by_model(rows: Sequence[LedgerTotal]) -> list[tuple[str, list[LedgerTotal]]]:
    groups: dict[str, list[LedgerTotal]] = {name: [] for name in ModelType}
    for row in rows:
        groups.setdefault(row.model_type if row.model_type in groups else OTHER, []).append(row)
    return list(groups.items())


class LedgerCollector(Collector):
    """Counters and histograms; a combination that never happened starts at 0.

    Remembers the last sums, because the last bit of a sum depends on the order of the addition.
    """

    name = "ledger"

    def __init__(self) -> None:
        self._sums: dict[tuple[Metric, str], tuple[int, float]] = {}
        self._rows: tuple[LedgerTotal, ...] | None = None
        self._render: Render = always({})

    def collect(self, stats: Stats) -> Render:
        rows = stats.ledger()
        if rows != self._rows:
            self._rows, self._render = rows, always(self._families(rows))
        return self._render

    def _families(self, rows: Sequence[LedgerTotal]) -> Families:
        ended = [row for row in rows if row.kind == "terminal"]
        trained = [row for row in ended if row.job_type == JobType.TRAIN]
        waits = [row for row in rows if row.kind == "wait"]
        return {
            metrics.JOBS: _jobs(ended),
            metrics.JOBS_DURATION: self._histograms(metrics.JOBS_DURATION, ended, DURATION_BUCKETS),
            metrics.JOBS_REUSED: _reused(row for row in rows if row.kind == "reused"),
            metrics.ESTIMATES: _estimates(row for row in rows if row.kind in ESTIMATE_RESULTS),
            metrics.QUEUE_WAIT: self._histograms(metrics.QUEUE_WAIT, waits, WAIT_BUCKETS),
            metrics.ATTEMPTS_LOST: _lost(row for row in rows if row.kind == "lost"),
            metrics.WRITES_REFUSED: samples(
                metrics.WRITES_REFUSED, [((), sum(row.n for row in rows if row.kind == "refused"))]
            ),
            metrics.ENTRIES_DROPPED: samples(
                metrics.ENTRIES_DROPPED, [((), sum(row.rows for row in rows if row.kind == "dropped"))]
            ),
            metrics.TRAINING_ROWS: samples(
                metrics.TRAINING_ROWS,
                [((name,), sum(row.rows for row in group)) for name, group in _by_model(trained)],
            ),
            metrics.TRAINING_SECONDS: samples(
                metrics.TRAINING_SECONDS,
                [((name,), self._sum(metrics.TRAINING_SECONDS, name, group)) for name, group in _by_model(trained)],
            ),
        }

    def _histograms(self, metric: Metric, rows: Sequence[LedgerTotal], bounds: tuple[float, ...]) -> bytes:
        parts = []
        for job_type in JobType:
            placed = [row for row in rows if row.job_type == job_type and row.bucket >= 0]
            counts: Counter[int] = Counter()
            for row in placed:
                counts[min(row.bucket, len(bounds))] += row.n
            by_bucket = [counts[bucket] for bucket in range(len(bounds) + 1)]
            total = self._sum(metric, job_type, placed)
            parts.append(histogram(metric, (job_type,), bounds=bounds, counts=by_bucket, total=total))
        return b"".join(parts)

    def _sum(self, metric: Metric, label: str, rows: Iterable[LedgerTotal]) -> float:
        # A fold adds the same doubles in another order. A sum that fell by its last bit is a restart to Prometheus,
        # which would count the whole sum a second time; with fewer jobs it is another database, and falling is right.
        count, total = 0, 0.0
        for row in rows:
            count += row.n
            total += row.seconds
        total = round(total, SUM_DIGITS)
        before = self._sums.get((metric, label), (0, 0.0))
        if count >= before[0]:
            total = max(total, before[1])
        self._sums[metric, label] = (count, total)
        return total
