"""What waits and what runs: jobs that are not over, and how long the oldest due one has been due."""

from collections import Counter

from exporter import metrics
from exporter.collectors.base import Show
from exporter.exposition import Families, sample, samples
from ml_training.db.stats import LIVE, Stats
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus

DUE = ("due",)


def ask(stats: Stats) -> Show:
    """Jobs PENDING and RUNNING, by type; the depth and the age of the queue in the database."""
    rows = stats.live_jobs()
    counts = Counter({(row.job_type, row.status): row.n for row in rows})
    waiting = [row.due_since for row in rows if row.due_since is not None]
    active = sum(row.n for row in rows if row.status == JobStatus.RUNNING)
    pairs = [(job_type, status) for job_type in JobType for status in JobStatus if status in LIVE]
    fixed: Families = {
        metrics.ACTIVE_JOBS: sample(metrics.ACTIVE_JOBS, (), active),
        metrics.JOBS_CURRENT: samples(metrics.JOBS_CURRENT, [(pair, counts[pair]) for pair in pairs]),
        metrics.QUEUE_DEPTH: sample(metrics.QUEUE_DEPTH, DUE, sum(row.due for row in rows)),
    }

    def show(now: float) -> Families:
        oldest = max(0.0, now - min(waiting, default=now))
        return {**fixed, metrics.QUEUE_OLDEST: sample(metrics.QUEUE_OLDEST, DUE, round(oldest, 3))}

    return show
