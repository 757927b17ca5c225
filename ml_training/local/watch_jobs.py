"""Polls jobs over HTTP until all have ended; tolerates short outages of the service."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ml_training.domain.states import JobStatus
from ml_training.local.api_client import ApiClient, ApiProblem, Unreachable
from ml_training.local.console_output import ProgressBars

Json = dict[str, Any]
POLL_SECONDS = 0.25
RETRY_SECONDS = 30.0  # long enough for a service that restarts
TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})


def watch_jobs(
    client: ApiClient, jobs: Sequence[Json], *, bars: ProgressBars, pause: Callable[[float], None] = time.sleep
) -> list[Json]:
    """Show the progress of each job until all are terminal; returns the ended jobs in the given order."""
    latest = {int(job["id"]): job for job in jobs}
    for job in latest.values():
        _show_progress(bars, job)
    while running := [job_id for job_id, job in latest.items() if not JobStatus(job["status"]).is_terminal]:
        pause(POLL_SECONDS)
        for job_id in running:
            latest[job_id] = retry_while_unavailable(partial(client.get, f"/jobs/{job_id}"), pause=pause)
            _show_progress(bars, latest[job_id])
    return list(latest.values())


def retry_while_unavailable(
    call: Callable[[], Json], *, pause: Callable[[float], None] = time.sleep, seconds: float = RETRY_SECONDS
) -> Json:
    """Make an idempotent call; repeat it for up to `seconds` while the service is unavailable."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except Unreachable:
            if time.monotonic() > deadline:
                raise
        except ApiProblem as problem:
            if problem.status not in TRANSIENT_STATUSES or time.monotonic() > deadline:
                raise
        pause(POLL_SECONDS)


def job_label(job: Json) -> str:
    """A short name of a job, such as `#3 TRAIN lightgbm`."""
    model_type = job.get("model_type")
    return f"#{job['id']} {job['job_type']}" + (f" {model_type}" if model_type not in (None, "none") else "")


def _show_progress(bars: ProgressBars, job: Json) -> None:
    status = JobStatus(job["status"])
    message = "" if status is JobStatus.COMPLETED else job.get("progress_message") or ""
    if status is JobStatus.FAILED and job.get("error"):
        error = job["error"]
        message = " ".join(part for part in (f"{error['code']}:", error["message"], error.get("hint")) if part)
    elif not status.is_terminal and job.get("eta_seconds") is not None:
        message = f"{message} (about {job['eta_seconds']:.0f} s left)".strip()
    bars.show(int(job["id"]), job_label(job), status=status, fraction=job.get("progress") or 0.0, message=message)
