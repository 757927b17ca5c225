"""Celery's prefork pool with billiard's start method `forkserver`, which Celery's settings do not offer."""

import billiard
from celery.concurrency.prefork import TaskPool


class ForkedPool(TaskPool):  # type: ignore[misc]  # Celery is untyped
    """Each child is forked by the worker's fork server, which must have been started."""

    def on_start(self) -> None:
        """Start the pool."""
        billiard.set_start_method("forkserver", force=True)
        super().on_start()
