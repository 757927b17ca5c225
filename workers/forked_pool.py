"""Celery's prefork pool with billiard's start method `forkserver`, which Celery's settings do not offer."""

import sys
from collections.abc import Callable
from typing import Any

import billiard
from billiard.pool import EX_RECYCLE
from celery.concurrency import asynpool
from celery.concurrency.prefork import TaskPool


class ForkedChild(asynpool.Worker):  # type: ignore[misc]  # Celery is untyped
    """The main loop of a child; it ends after a number of jobs, where Celery counts tasks: a permit may run many.

    A child to which no permit comes for a while looks for due jobs itself.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        """With the numbers that the parent has given to its ends of the pipes: it knows a child by them.

        The child reports them with each result. billiard takes its own numbers, which a plain fork leaves equal.
        """
        return *super().__reduce__(), {"inqW_fd": self.inqW_fd, "synqW_fd": self.synqW_fd}

    def _make_child_methods(self, *arguments: Any) -> None:
        super()._make_child_methods(*arguments)
        # Only in the child: the parent runs no job.
        from workers.due_jobs import look_for_due_jobs, seconds_until_look
        from workers.jobs_left import JOBS_LEFT

        receive: Callable[[], Any] = self._make_protected_receive(self.inq)

        def receive_unless_used_up() -> Any:
            if JOBS_LEFT.count <= 0:
                sys.exit(EX_RECYCLE)
            if self.inq._reader.poll(seconds_until_look()):
                return receive()
            look_for_due_jobs()
            return None  # asks again

        self.wait_for_job = receive_unless_used_up


class ForkedProcesses(asynpool.AsynPool):  # type: ignore[misc]  # Celery is untyped
    """The processes of the pool."""

    Worker = ForkedChild


class ForkedPool(TaskPool):  # type: ignore[misc]  # Celery is untyped
    """Each child is forked by the worker's fork server, which must have been started."""

    Pool = ForkedProcesses

    def on_start(self) -> None:
        """Start the pool."""
        billiard.set_start_method("forkserver", force=True)
        super().on_start()
