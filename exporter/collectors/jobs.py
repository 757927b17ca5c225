"""One job: status, progress, duration and sizes of the jobs that matter now, at most 2,000."""

from collections.abc import Iterable
from typing import NamedTuple

from exporter import metrics
from exporter.collectors.base import Show
from exporter.exposition import Families, finite, number
from exporter.live import LiveProgress
from exporter.metrics import Metric
from ml_training.db.stats import JobRow, Stats
from ml_training.domain.algorithms import ModelType
from ml_training.domain.states import STATUS_CODES, JobStatus

MOST_JOBS = 2_000
FINISHED_SECONDS = 15 * 60.0
LIFETIME_SECONDS = 60.0
MODEL_LABELS = frozenset({*ModelType, "mixed", "none"})


class _Block(NamedTuple):
    """The lines of one job, in the order of FAMILIES; empty where it has none."""

    progress: bytes
    duration: bytes
    eta: bytes
    status: bytes
    features: bytes
    phases: bytes


FAMILIES: tuple[Metric, ...] = (
    metrics.JOB_PROGRESS,
    metrics.JOB_DURATION,
    metrics.JOB_ETA,
    metrics.JOB_STATUS,
    metrics.JOB_FEATURES,
    metrics.JOB_PHASES,
)


class Jobs:
    """Keeps the lines of each job whose row has not changed; only those that run are written again each time."""

    def __init__(self, live: LiveProgress) -> None:
        self._live = live
        self._kept: dict[int, tuple[JobRow, _Block]] = {}
        self.dropped = 0
        """Series left out because there were too many jobs, summed over snapshots."""

    def ask(self, stats: Stats) -> Show:
        """The jobs that matter most."""
        page = stats.jobs(limit=MOST_JOBS, finished_within=FINISHED_SECONDS)
        self._live.snapshot(row for row in page.jobs if row.status == JobStatus.RUNNING)
        self.dropped += page.hidden * len(FAMILIES)
        self._kept = {row.id: self._keep(row) for row in page.jobs if not _moves(row)}
        still = _join(block for _, block in self._kept.values())
        moving = tuple(row for row in page.jobs if _moves(row))

        def show(now: float) -> Families:
            fresh = _join(_render(row, now, self._live.of(row)) for row in moving)
            return dict(zip(FAMILIES, map(bytes.__add__, fresh, still), strict=True))

        return show

    def _keep(self, row: JobRow) -> tuple[JobRow, _Block]:
        kept = self._kept.get(row.id)
        return kept if kept is not None and kept[0] == row else (row, _render(row, 0.0, row.progress))


def _moves(row: JobRow) -> bool:
    return row.started_at is not None and row.finished_at is None


def _join(blocks: Iterable[_Block]) -> _Block:
    columns = tuple(zip(*blocks, strict=True)) or ((),) * len(FAMILIES)
    return _Block(*map(b"".join, columns))


def _render(row: JobRow, now: float, progress: float) -> _Block:
    short = f'job_id="{row.id}",job_type="{row.job_type}"'
    model_type = row.model_type if row.model_type in MODEL_LABELS else "other"
    long = f'{short},model_type="{model_type}"'
    code = STATUS_CODES[JobStatus(row.status)]
    return _Block(
        _line(metrics.JOB_PROGRESS, long, _percent(row, progress)),
        b"" if row.started_at is None else _line(metrics.JOB_DURATION, long, _duration(row, now)),
        _line(metrics.JOB_ETA, long, row.eta_seconds if row.status == JobStatus.RUNNING else None),
        _line(metrics.JOB_STATUS, f'{long},status="{row.status}"', code),
        _line(metrics.JOB_FEATURES, short, row.features_count),
        _line(metrics.JOB_PHASES, short, row.phases_count),
    )


def _percent(row: JobRow, progress: float) -> float:
    if row.status == JobStatus.PENDING:
        return 0.0
    return 100.0 if row.status == JobStatus.COMPLETED else round(100.0 * progress, 3)


def _duration(row: JobRow, now: float) -> float:
    end = now if row.finished_at is None else row.finished_at
    return round(max(0.0, end - (row.started_at or end)), 3)


def _line(metric: Metric, labels: str, value: float | None) -> bytes:
    return b"" if value is None or finite(value) is None else f"{metric.name}{{{labels}}} {number(value)}\n".encode()
