"""The one task: a permit to run one job."""

from ml_training.domain.errors import Unavailable
from ml_training.domain.queue_names import TASK_RUN
from ml_training.execution.run_job import run_next
from ml_training.logs import get_logger
from workers import pool_child
from workers.app import app

log = get_logger(__name__)


@app.task(name=TASK_RUN, ignore_result=True, max_retries=0)  # type: ignore[untyped-decorator]
def run() -> None:
    """Run the first due job, if any; which one, the database decides."""
    try:
        run_next(pool_child.worker_context())
    except Unavailable as error:
        log.warning("claim_failed", error=str(error))  # the permit is lost, the relay sends another
