"""A worker whose children do what native code can do to its process, by the name of the model that they should train.

`python -m tests.support.misbehaving_worker` instead of `python -m workers`; every other job runs as always.
"""

import ctypes
import os
import signal
import sys
from typing import Any

from ml_training.domain.records import Job
from ml_training.domain.specs import JobType
from ml_training.execution.job_handler import JobOutcome
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.run_job import WorkerContext
from workers import pool_child


def _segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _abort() -> None:
    os.kill(os.getpid(), signal.SIGABRT)


def _hold_the_interpreter() -> None:
    ctypes.PyDLL(None).pause()  # as native code that loops for ever without giving the interpreter lock back


def _take_the_worker_along() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


DEEDS = {
    "segfault": _segfault,
    "abort": _abort,
    "endless": _hold_the_interpreter,
    "parricide": _take_the_worker_along,
}
_open_workplace = pool_child.open_worker_context


def open_hostile_workplace(worker: str) -> None:
    """As always, and then the deeds."""
    _open_workplace(worker)
    context = pool_child.worker_context()
    train = context.handlers[JobType.TRAIN]

    def run(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        deed: Any = DEEDS.get(job.spec["model_name"])
        if deed is not None:
            deed()
        return train(context, job, reporter)

    context.handlers[JobType.TRAIN] = run  # type: ignore[index]  # a dict, whatever its type says


pool_child.open_worker_context = (
    open_hostile_workplace  # in the children too: they load this module as their main module
)

if __name__ == "__main__":
    from workers.__main__ import main

    sys.exit(main(sys.argv[1:]))
