"""The PromQL that panels share: how many lines a panel may draw, ratios and quantiles that are never NaN."""

LINES = 20
BARS = 10  # as many as stand in a panel without scrolling
RUNNING_SHOWN = 5
RATE = "$__rate_interval"
RANGE = "$__range"

JOB_PROGRESS = f'topk({RUNNING_SHOWN}, ml_job_progress_percent and on(job_id) ml_job_status{{status="RUNNING"}})'
JOBS_FAILED = 'ml_jobs_total{status="FAILED"}'


def bounded(metric: str, key: str) -> str:
    """At most LINES series of `metric`: those with the highest value in the visible range, chosen once per range.

    A plain `topk` chooses anew at every step, so that a range query draws far more lines than it names.
    """
    return f"{metric} and on({key}) {most(metric)}"


def most(metric: str, *, number: int = LINES) -> str:
    """The series of `metric` with the highest value in the visible range: the same at every step of it."""
    return f"topk({number}, max_over_time({metric}[$__range] @ end()))"


def of_exporter(expression: str) -> str:
    """`expression` for the exporter's own process only: every other scraped process exposes `process_*` as well."""
    return f"{expression} and on(job, instance) ml_db_connected"


def per_second(counter: str) -> str:
    """The rate of `counter` over the shortest window that still holds enough scrapes."""
    return f"rate({counter}[$__rate_interval])"


def in_window(counter: str) -> str:
    """By how much `counter` rose in each step; not a whole number, because Prometheus extrapolates."""
    return f"increase({counter}[$__rate_interval])"


def share(part: str, whole: str) -> str:
    """`part` of `whole`; absent instead of NaN while there is nothing to have a part of."""
    return f"{part} / ({whole} > 0)"


def quantile(q: float, histogram: str, *, window: str = RATE, by: str = "le") -> str:
    """A quantile of a histogram's observations of the window; absent instead of NaN when there was none.

    `histogram` is the family's name with its label matchers, if any.
    """
    name, brace, matchers = histogram.partition("{")
    function = "increase" if window == RANGE else "rate"
    return f"histogram_quantile({q}, sum by ({by}) ({function}({name}_bucket{brace}{matchers}[{window}]))) >= 0"
