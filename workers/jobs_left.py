"""How many jobs a pool child may still run: then a new one replaces it, so that no leak of a library grows for ever.

A child that keeps much memory after a job runs no other: what it keeps would count as memory of the next job.
"""

from dataclasses import dataclass

from ml_training.domain.worker_shape import KEPT_BYTES
from ml_training.execution.memory_limit import private_memory
from ml_training.process.malloc import give_back
from workers.app import settings


@dataclass(slots=True)
class JobsLeft:
    """A count that only falls; begin: the bytes that the child had before its first job."""

    count: int
    begin: int = 0

    def use_one(self) -> None:
        """A job has been run."""
        self.count -= 1
        if self.count > 0 and self._keeps_much():
            give_back()
            if self._keeps_much():
                self.count = 0

    def _keeps_much(self) -> bool:
        return private_memory() - self.begin > KEPT_BYTES


JOBS_LEFT = JobsLeft(settings.worker_max_jobs_per_child)
