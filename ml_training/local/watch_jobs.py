"""Watches jobs over HTTP until they ended, through short absences of the service."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ml_training.domain.states import JobStatus
from ml_training.local.api_client import Client, Problem, Unreachable
from ml_training.local.console_output import Bars

Json = dict[str, Any]
EVERY_SECONDS = 0.25
PATIENCE_SECONDS = 30.0  # for a service that restarts meanwhile
PASSING = frozenset({429, 500, 502, 503, 504})


def follow(
    client: Client, jobs: Sequence[Json], *, bars: Bars, pause: Callable[[float], None] = time.sleep
) -> list[Json]:
    """Show each job's progress until all are terminal; returns them as they ended, in the given order."""
    latest = {int(job["id"]): job for job in jobs}
    for job in latest.values():
        _show(bars, job)
    while running := [job_id for job_id, job in latest.items() if not JobStatus(job["status"]).is_terminal]:
        pause(EVERY_SECONDS)
        for job_id in running:
            latest[job_id] = patiently(partial(client.get, f"/jobs/{job_id}"), pause=pause)
            _show(bars, latest[job_id])
    return list(latest.values())


def patiently(
    call: Callable[[], Json], *, pause: Callable[[float], None] = time.sleep, seconds: float = PATIENCE_SECONDS
) -> Json:
    """The answer of a call that may be repeated, tried again for `seconds` while the service is away."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except Unreachable:
            if time.monotonic() > deadline:
                raise
        except Problem as problem:
            if problem.status not in PASSING or time.monotonic() > deadline:
                raise
        pause(EVERY_SECONDS)


def label_of(job: Json) -> str:
    """What a job is, in a few words: `#3 TRAIN lightgbm`."""
    model_type = job.get("model_type")
    return f"#{job['id']} {job['job_type']}" + (f" {model_type}" if model_type not in (None, "none") else "")


def _show(bars: Bars, job: Json) -> None:
    status = JobStatus(job["status"])
    message = "" if status is JobStatus.COMPLETED else job.get("progress_message") or ""
    if status is JobStatus.FAILED and job.get("error"):
        error = job["error"]
        message = " ".join(part for part in (f"{error['code']}:", error["message"], error.get("hint")) if part)
    elif not status.is_terminal and job.get("eta_seconds") is not None:
        message = f"{message} (about {job['eta_seconds']:.0f} s left)".strip()
    bars.show(int(job["id"]), label_of(job), status=status, fraction=job.get("progress") or 0.0, message=message)
