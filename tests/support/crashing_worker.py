"""A worker process with the real handlers that kills itself (-9), or does other harm, at a chosen point."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from ml_training.db import checkpoints, claims, jobs, results, trials
from ml_training.db.engine import open_database
from ml_training.execution import inputs, run_job
from ml_training.execution.checkpoints import JobCheckpoints
from ml_training.execution.handlers import HANDLERS, common, train, trial, tune
from ml_training.execution.job_handler import WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.lease import LeaseTimes
from ml_training.execution.run_job import run_next
from ml_training.logs import configure_logs
from ml_training.storage.base import ObjectKind
from ml_training.storage.file_cache import FileCache
from ml_training.storage.local import LocalStorage
from ml_training.tabular.prediction_table import PredictionTable
from ml_training.training import checkpoint, engine, fitting, prediction
from tests.support.forked_processes import FORKS
from tests.support.s3_server import BucketPlace
from tests.support.wiring import RecordingWatchdog, make_worker_context

IDLE = 3  # exit status: nothing was due
TIMES = LeaseTimes(lease=0.6, renew=0.1, poll=0.05, cancel_grace=5.0, drain_grace=5.0, checkpoint=0.0)
SURVIVOR_LEASE = 60.0
SERVER_LEASE = 3.0  # of processes of which some are killed: a busy machine must not cost the others their jobs


def _always(*_: object) -> bool:
    return True


def _of(kind: ObjectKind) -> Callable[..., bool]:
    """Whether a call is about an object of this kind: the others of that name are about checkpoints."""
    return lambda *arguments: any(kind.value in str(argument) for argument in arguments[1:])


_of_artifact, _of_prediction = _of(ObjectKind.ARTIFACT), _of(ObjectKind.PREDICTION)


@dataclass(frozen=True)
class Point:
    """The `nth` call of a function for which `about` holds: killed before or after it."""

    owner: type | ModuleType
    name: str
    after: bool = True
    nth: int = 1
    about: Callable[..., bool] = _always


POINTS: Mapping[str, Point] = {
    "before the claim": Point(claims, "claim_next", after=False),
    "claimed, not committed": Point(claims, "claim_next"),
    "claimed": Point(run_job, "_run", after=False),
    "data set read": Point(common, "load_dataset"),
    "index verified": Point(inputs, "verified_index_key"),
    "planned": Point(train, "planned"),
    "lease renewed, not committed": Point(jobs, "renew"),
    "in round 3": Point(JobReporter, "progress", nth=3),
    "first checkpoint not synced": Point(os, "fsync", after=False),
    "checkpoint 5 without a row": Point(LocalStorage, "put_bytes", nth=5),
    "checkpoint 5 not committed": Point(checkpoints, "insert_checkpoint", nth=5),
    "checkpoint 5 kept": Point(JobCheckpoints, "keep", nth=5),
    "checkpoint 15 kept": Point(JobCheckpoints, "keep", nth=15),
    "trained": Point(engine, "train"),
    "artifact not renamed": Point(LocalStorage, "_rename", after=False, about=_of_artifact),
    "artifact renamed, not synced": Point(LocalStorage, "_rename", about=_of_artifact),
    "artifact stored": Point(LocalStorage, "put_bytes", about=_of_artifact),
    "row held for the verdict": Point(run_job, "_complete", after=False),
    "result row written": Point(results, "insert_model"),
    "completed, not committed": Point(jobs, "complete"),
    "verdict committed": Point(run_job, "_write_end_once"),
}
PREDICT_POINTS: Mapping[str, Point] = {
    "rows predicted, none written": Point(engine, "predict"),
    "two batches predicted": Point(PredictionTable, "table", nth=2),
    "prediction not synced": Point(os, "fsync", after=False),
    "prediction not renamed": Point(LocalStorage, "_rename", after=False, about=_of_prediction),
    "prediction renamed, not synced": Point(LocalStorage, "_rename", about=_of_prediction),
    "prediction stored": Point(LocalStorage, "put_stream", about=_of_prediction),
    "row of the prediction held for the verdict": Point(run_job, "_complete", after=False),
    "row of the prediction written": Point(results, "insert_result"),
    "prediction completed, not committed": Point(jobs, "complete"),
    "verdict of the prediction committed": Point(run_job, "_write_end_once"),
}
STUDY_POINTS: Mapping[str, Point] = {
    "job of the study claimed": Point(run_job, "_run", after=False),
    "next values chosen": Point(tune, "next_values"),
    "jobs of the generation written": Point(jobs, "insert_jobs"),
    "generation written, not committed": Point(trials, "insert_trials"),
    "study waits, not committed": Point(jobs, "wait_for_children"),
    "step committed": Point(run_job, "_write_end_once"),
    "trial scored": Point(engine, "evaluate"),
    "score written, not committed": Point(trials, "record_score"),
    "end of a job of the study not committed": Point(jobs, "complete"),
    "row of the study written": Point(results, "insert_result"),
}
HALVING_POINTS: Mapping[str, Point] = {
    "state of a trial without a row": Point(trial, "_stored_state"),
    "state of a trial written, not committed": Point(checkpoints, "insert_checkpoint"),
    "states handed over, not committed": Point(checkpoints, "hand_over_states"),
}
PAST_A_CHECKPOINT = list(POINTS)[list(POINTS).index("checkpoint 5 without a row") :]


def _tell_nobody(pid: int) -> None:
    """Nobody wants to know it."""


def kill_me() -> None:
    """kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def work(
    url: str,
    root: Path | BucketPlace,
    *,
    point: str | None = None,
    act: Callable[[], None] = kill_me,
    log_level: str = "ERROR",
    lease: float | None = None,
    begun: Callable[[int], None] = _tell_nobody,
) -> bool:
    """Run the first due job in a process of its own, which acts at `point`; True when it ran one to its end.

    root: of its storage, which is a directory or a bucket. begun: is told the id of the process.
    lease: in seconds; by default short for a worker that is to die, because the test waits for its end, and long for
    the one that must finish the job: if it lost the job on a busy machine, the test would see a correct third attempt.
    """
    times = replace(TIMES, lease=lease or (SURVIVOR_LEASE if point is None else TIMES.lease))
    process = FORKS.Process(target=_work, args=(url, root, point, act, log_level, times), daemon=True)
    process.start()
    begun(process.pid or 0)
    process.join(120)
    assert process.exitcode in (0, IDLE, -signal.SIGKILL), process.exitcode
    return process.exitcode == 0


def serve(url: str, root: Path) -> BaseProcess:
    """A process that runs every job that is due, until it is killed."""
    process = FORKS.Process(target=_serve, args=(url, root), daemon=True)
    process.start()
    return process


def _serve(url: str, root: Path) -> NoReturn:
    configure_logs("console", "ERROR")
    context, rest = _worker_context(url, root, times=replace(TIMES, lease=SERVER_LEASE)), threading.Event()
    while True:
        if not run_next(context):
            rest.wait(0.05)


def _work(
    url: str,
    root: Path | BucketPlace,
    point: str | None,
    act: Callable[[], None],
    log_level: str,
    times: LeaseTimes,
) -> None:
    configure_logs("console", log_level)
    context = _worker_context(url, root, times=times)
    if point is not None:
        _arm({**POINTS, **PREDICT_POINTS, **STUDY_POINTS, **HALVING_POINTS}[point], act)
    if not run_next(context):
        sys.exit(IDLE)


def _worker_context(url: str, root: Path | BucketPlace, *, times: LeaseTimes) -> WorkerContext:
    checkpoint.MAX_TIME_SHARE = float("inf")  # a checkpoint after every round, regardless of its cost
    prediction.ROWS_PER_BATCH = 100  # several batches
    fitting.CELLS_IN_MEMORY = 0  # small data are handled as large ones: read in parts, and kept in binned form
    return make_worker_context(
        open_database(url, pool_size=2),
        root if isinstance(root, Path) else root.open_in_a_process_of_its_own(),
        HANDLERS,
        worker=f"worker@crashing-{os.getpid()}",
        times=times,
        watchdog=RecordingWatchdog(lambda: os._exit(0)),
        binned_rows=binned_rows(root if isinstance(root, Path) else root.machine),
    )


def binned_rows(root: Path) -> FileCache:
    """The cache of the workers whose storage is at `root`."""
    return FileCache(root.parent / "cache", limit_bytes=1 << 30, free_bytes=0)


def _arm(point: Point, act: Callable[[], None]) -> None:
    original = getattr(point.owner, point.name)
    calls = 0

    def deadly(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += point.about(*arguments)
        is_it = calls == point.nth and point.about(*arguments)
        if is_it and not point.after:
            act()
        answer = original(*arguments, **more)
        if is_it and point.after:
            act()
        return answer

    setattr(point.owner, point.name, deadly)
