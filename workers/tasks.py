"""The one Celery task: a permit, which wakes a child of the pool."""

from ml_training.domain.errors import Unavailable
from ml_training.domain.queue_names import TASK_RUN
from ml_training.execution.run_job import run_next
from ml_training.logs import get_logger
from workers.app import app
from workers.jobs_left import JOBS_LEFT
from workers.pool_child import wake_another_child, worker_context

log = get_logger(__name__)


@app.task(name=TASK_RUN, ignore_result=True, max_retries=0)  # type: ignore[untyped-decorator]
def run() -> None:
    """Run due jobs until there are none, or the worker drains: a permit for each job would cost each a round trip."""
    try:
        while run_next(worker_context()):
            JOBS_LEFT.use_one()
            if JOBS_LEFT.count <= 0:
                wake_another_child()  # this one is replaced now, and more may be due
                return
    except Unavailable as error:
        log.warning("claim_failed", error=str(error))  # the permit is lost, the relay sends another
