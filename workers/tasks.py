"""The one Celery task: a permit, which wakes a child of the pool."""

from ml_training.domain.queue_names import TASK_RUN
from workers.app import app
from workers.due_jobs import run_due_jobs


@app.task(name=TASK_RUN, ignore_result=True, max_retries=0)  # type: ignore[untyped-decorator]
def run() -> None:
    """Run what is due."""
    run_due_jobs()
