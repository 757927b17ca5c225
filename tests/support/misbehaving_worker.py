"""A worker whose children do what native code can do to its process; the name of the model chooses what.

`python -m tests.support.misbehaving_worker` instead of `python -m workers`; every other job runs as always.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

import psutil

from ml_training.domain.records import Job
from ml_training.domain.specs import JobType
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from workers import pool_child


def _segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _abort() -> None:
    os.kill(os.getpid(), signal.SIGABRT)


def _hold_the_interpreter() -> None:
    ctypes.PyDLL(None).pause()  # as native code that loops for ever without giving the interpreter lock back


def _take_the_worker_along() -> None:
    worker = psutil.Process(os.getppid()).ppid()  # the parent of this process is the fork server
    os.kill(worker, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


ACTS: dict[str, Callable[[], None]] = {
    "segfault": _segfault,
    "abort": _abort,
    "endless": _hold_the_interpreter,
    "parricide": _take_the_worker_along,
}


def _replace_train_handler() -> None:
    """Misbehave where the name of the model asks for it, else train."""
    from ml_training.execution import handlers

    train = handlers.HANDLERS[JobType.TRAIN]

    def misbehave_or_train(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
        act = ACTS.get(job.spec["model_name"])
        if act is not None:
            act()
        return train(context, job, reporter)

    handlers.HANDLERS = {**handlers.HANDLERS, JobType.TRAIN: misbehave_or_train}


def _load_engine() -> None:
    load_engine()
    _replace_train_handler()


load_engine, pool_child.load_engine = pool_child.load_engine, _load_engine  # called in the fork server

if __name__ == "__main__":
    from workers.__main__ import main

    sys.exit(main(sys.argv[1:]))
