"""Waits for jobs by looking at them again and again; short outages of the service are waited for."""

import time
from collections.abc import Sequence

from ml_training.client.errors import ClientError, Json
from ml_training.client.progress import ProgressBars, show_job
from ml_training.client.transport import Transport
from ml_training.domain.states import JobStatus

FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.05, 0.5


class WaitTooLong(ClientError, TimeoutError):
    """The jobs have not ended in the given time; they keep running."""


def wait_for_jobs(
    transport: Transport, jobs: Sequence[Json], *, bars: ProgressBars, timeout: float | None = None
) -> list[Json]:
    """Show each job until all have ended; returns them as they are then, in the given order.

    timeout: seconds, after which WaitTooLong is raised. A service that is away is waited for as `transport` says.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    latest = {int(job["id"]): job for job in jobs}
    for job in latest.values():
        show_job(bars, job)
    look = FIRST_LOOK_SECONDS
    while running := [job_id for job_id, job in latest.items() if not JobStatus(job["status"]).is_terminal]:
        if deadline is not None and time.monotonic() > deadline:
            raise WaitTooLong(f"not ended within {timeout:g} s: job {', '.join(map(str, running))}")
        transport.pause(look)
        look = min(1.3 * look, LONGEST_LOOK_SECONDS)
        for job_id in running:
            latest[job_id] = transport.get(f"/jobs/{job_id}")
            show_job(bars, latest[job_id])
    return list(latest.values())
