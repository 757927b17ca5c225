"""What the projects that the setting METRICS_PROJECTS names have waiting, running and stored."""

from collections.abc import Sequence

from exporter import metrics
from exporter.collectors.base import Collector, Render, always
from exporter.exposition import samples
from ml_training.db.stats import Stats
from ml_training.domain.states import JobStatus


class ProjectsCollector(Collector):
    """The use of each named project; a name that no project has is not on the page."""

    name = "projects"

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def collect(self, stats: Stats) -> Render:
        found = stats.projects(self._names) if self._names else ()
        counts = [
            ((project.name, status.value), count)
            for project in found
            for status, count in ((JobStatus.PENDING, project.pending), (JobStatus.RUNNING, project.running))
        ]
        sizes = [((project.name,), project.stored_bytes) for project in found]
        return always(
            {
                metrics.PROJECT_JOBS: samples(metrics.PROJECT_JOBS, counts),
                metrics.PROJECT_BYTES: samples(metrics.PROJECT_BYTES, sizes),
            }
        )
