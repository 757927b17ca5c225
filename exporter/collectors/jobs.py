"""One job: status, progress, duration and sizes of the jobs that matter now, at most 2,000."""

from typing import NamedTuple

from exporter import metrics
from exporter.collectors.base import Show
from exporter.exposition import Families, finite, number
from exporter.live_progress import LiveProgress
from exporter.metrics import Metric
from ml_training.db.stats import JobRow, Stats
from ml_training.domain.algorithms import ModelType
from ml_training.domain.states import STATUS_CODES, JobStatus

MOST_JOBS = 2_000
FINISHED_SECONDS = 15 * 60.0
LIFETIME_SECONDS = 60.0
MODEL_LABELS = frozenset({*ModelType, "mixed", "none"})


class _Block(NamedTuple):
    """The lines of one job, in the order of FAMILIES; empty where it has none.

    Of a job that moves, the first two lack what changes with time: their value.
    """

    progress: str
    duration: str
    eta: str
    status: str
    features: str
    phases: str


FAMILIES: tuple[Metric, ...] = (
    metrics.JOB_PROGRESS,
    metrics.JOB_DURATION,
    metrics.JOB_ETA,
    metrics.JOB_STATUS,
    metrics.JOB_FEATURES,
    metrics.JOB_PHASES,
)


class Jobs:
    """Keeps the lines of each job whose row has not changed; each time only progress and duration are written."""

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
        self._kept = {row.id: self._keep(row) for row in page.jobs}
        moving = [kept for kept in self._kept.values() if _moves(kept[0])]
        still = [block for row, block in self._kept.values() if not _moves(row)]
        blocks = [*(block for _, block in moving), *still]
        rest = _Block(*("".join([block[at] for block in (still if at < 2 else blocks)]) for at in range(len(FAMILIES))))

        def show(now: float) -> Families:
            progress = "".join([f"{block.progress} {_percent(row, self._live.of(row))}\n" for row, block in moving])
            duration = "".join([f"{block.duration} {_duration(row, now)}\n" for row, block in moving])
            shown = rest._replace(progress=progress + rest.progress, duration=duration + rest.duration)
            return {metric: lines.encode() for metric, lines in zip(FAMILIES, shown, strict=True)}

        return show

    def _keep(self, row: JobRow) -> tuple[JobRow, _Block]:
        kept = self._kept.get(row.id)
        return kept if kept is not None and kept[0] == row else (row, _render(row))


def _moves(row: JobRow) -> bool:
    return row.started_at is not None and row.finished_at is None


def _render(row: JobRow) -> _Block:
    short = f'job_id="{row.id}",job_type="{row.job_type}"'
    model_type = row.model_type if row.model_type in MODEL_LABELS else "other"
    long = f'{short},model_type="{model_type}"'
    progress, duration = (f"{metric.name}{{{long}}}" for metric in (metrics.JOB_PROGRESS, metrics.JOB_DURATION))
    if not _moves(row):
        progress = f"{progress} {_percent(row, row.progress)}\n"
        duration = "" if row.started_at is None else f"{duration} {_duration(row, 0.0)}\n"
    return _Block(
        progress,
        duration,
        _line(metrics.JOB_ETA, long, row.eta_seconds if row.status == JobStatus.RUNNING else None),
        _line(metrics.JOB_STATUS, f'{long},status="{row.status}"', STATUS_CODES[JobStatus(row.status)]),
        _line(metrics.JOB_FEATURES, short, row.features_count),
        _line(metrics.JOB_PHASES, short, row.phases_count),
    )


def _percent(row: JobRow, progress: float) -> str:
    if row.status == JobStatus.PENDING:
        return "0"
    return "100" if row.status == JobStatus.COMPLETED else number(round(100.0 * progress, 3))


def _duration(row: JobRow, now: float) -> str:
    end = now if row.finished_at is None else row.finished_at
    return number(round(max(0.0, end - (row.started_at or end)), 3))


def _line(metric: Metric, labels: str, value: float | None) -> str:
    return "" if value is None or finite(value) is None else f"{metric.name}{{{labels}}} {number(value)}\n"
