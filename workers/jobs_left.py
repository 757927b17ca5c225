"""How many jobs a pool child may still run: then a new one replaces it, so that no leak of a library grows for ever."""

from dataclasses import dataclass

from workers.app import settings


@dataclass(slots=True)
class JobsLeft:
    """A count that only falls."""

    count: int

    def use_one(self) -> None:
        """A job has been run."""
        self.count -= 1


JOBS_LEFT = JobsLeft(settings.worker_max_jobs_per_child)
