"""A worker whose children do what native code can do to its process, by the name of the model that they should train.

`python -m tests.support.hostile` instead of `python -m workers`; every other job runs as always.
"""

import ctypes
import os
import signal
import sys
from typing import Any

from ml_training.domain.records import Job
from ml_training.domain.states import JobType
from ml_training.services.execute import Workplace
from ml_training.services.reporter import JobReporter
from ml_training.services.verdict import Verdict
from workers import child


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
_open_workplace = child.open_workplace


def open_hostile_workplace(worker: str) -> None:
    """As always, and then the deeds."""
    _open_workplace(worker)
    place = child.workplace()
    train = place.handlers[JobType.TRAIN]

    def run(place: Workplace, job: Job, reporter: JobReporter) -> Verdict:
        deed: Any = DEEDS.get(job.spec["model_name"])
        if deed is not None:
            deed()
        return train(place, job, reporter)

    place.handlers[JobType.TRAIN] = run  # type: ignore[index]  # a dict, whatever its type says


child.open_workplace = open_hostile_workplace  # in the children too: they load this module as their main module

if __name__ == "__main__":
    from workers.__main__ import main

    sys.exit(main(sys.argv[1:]))
