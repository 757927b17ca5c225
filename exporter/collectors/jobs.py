"""One job: status, progress, duration and sizes of the jobs that matter now, at most 2,000."""

from collections.abc import Sequence
from typing import NamedTuple

from exporter import metrics
from exporter.collectors.base import Collector, Render
from exporter.exposition import Families, finite, number
from exporter.live_progress import LiveProgress
from exporter.metrics import Metric
from ml_training.db.stats import JobRow, Stats
from ml_training.domain.algorithms import ModelType
from ml_training.domain.states import STATUS_CODES, JobStatus

MAX_JOBS = 2_000
FINISHED_SECONDS = 15 * 60.0
LIFETIME_SECONDS = 60.0  # a job that may have ended since then leaves the page
MODEL_LABELS = frozenset({*ModelType, "mixed", "none"})


class _JobLines(NamedTuple):
    """The lines of one job, in the order of FAMILIES; empty where it has none.

    The first two lines of a job under way lack their value, because it changes with time.
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


def _fixed(under_way: Sequence[tuple[JobRow, _JobLines]], others: Sequence[_JobLines]) -> _JobLines:
    """The lines of all jobs that do not change with time, joined for each family."""
    every = [*(lines for _, lines in under_way), *others]
    joined = ["".join([lines[at] for lines in (others if at < 2 else every)]) for at in range(len(FAMILIES))]
    return _JobLines(*joined)


def _is_under_way(row: JobRow) -> bool:
    return row.started_at is not None and row.finished_at is None


def _lines_of(row: JobRow) -> _JobLines:
    short = f'job_id="{row.id}",job_type="{row.job_type}"'
    model_type = row.model_type if row.model_type in MODEL_LABELS else "other"
    long = f'{short},model_type="{model_type}"'
    progress, duration = (f"{metric.name}{{{long}}}" for metric in (metrics.JOB_PROGRESS, metrics.JOB_DURATION))
    if not _is_under_way(row):
        progress = f"{progress} {_percent(row, row.progress)}\n"
        duration = "" if row.started_at is None else f"{duration} {_duration(row, 0.0)}\n"
    return _JobLines(
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


class JobsCollector(Collector):
    """Keeps the lines of each job whose row has not changed; each page writes progress and duration only."""

    name = "jobs"
    lifetime = LIFETIME_SECONDS

    def __init__(self, live_progress: LiveProgress) -> None:
        self._live_progress = live_progress
        self._known: dict[int, tuple[JobRow, _JobLines]] = {}

    def collect(self, stats: Stats) -> Render:
        page = stats.jobs(limit=MAX_JOBS, finished_within=FINISHED_SECONDS)
        self._live_progress.follow(row for row in page.jobs if row.status == JobStatus.RUNNING)
        self.dropped += page.hidden * len(FAMILIES)
        self._known = {row.id: self._with_lines(row) for row in page.jobs}
        under_way = [(row, lines) for row, lines in self._known.values() if _is_under_way(row)]
        fixed = _fixed(under_way, [lines for row, lines in self._known.values() if not _is_under_way(row)])

        def render(now: float) -> Families:
            of = self._live_progress.of
            progress = "".join([f"{lines.progress} {_percent(row, of(row))}\n" for row, lines in under_way])
            duration = "".join([f"{lines.duration} {_duration(row, now)}\n" for row, lines in under_way])
            texts = fixed._replace(progress=progress + fixed.progress, duration=duration + fixed.duration)
            return {metric: text.encode() for metric, text in zip(FAMILIES, texts, strict=True)}

        return render

    def _with_lines(self, row: JobRow) -> tuple[JobRow, _JobLines]:
        known = self._known.get(row.id)
        return known if known is not None and known[0] == row else (row, _lines_of(row))
