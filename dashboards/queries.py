"""The PromQL that panels share: how many lines a panel may draw, and which processes are ours."""

LINES = 20
RUNNING_SHOWN = 5


def bounded(metric: str, key: str) -> str:
    """At most LINES series of `metric`: those with the highest value in the visible range, chosen once per range.

    A plain `topk` chooses anew at every step, so that a range query draws far more lines than it names.
    """
    return f"{metric} and on({key}) topk({LINES}, max_over_time({metric}[$__range] @ end()))"


def of_exporter(expression: str) -> str:
    """`expression` for the exporter's own process only: every other scraped process exposes `process_*` as well."""
    return f"{expression} and on(job, instance) ml_db_connected"


def per_second(counter: str) -> str:
    """The rate of `counter` over the shortest window that still holds enough scrapes."""
    return f"rate({counter}[$__rate_interval])"


JOB_PROGRESS = f'topk({RUNNING_SHOWN}, ml_job_progress_percent and on(job_id) ml_job_status{{status="RUNNING"}})'
