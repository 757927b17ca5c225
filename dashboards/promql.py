"""PromQL that several panels use: limits on the number of lines, rates, and ratios and quantiles that are never NaN."""

MAX_SERIES = 20  # lines in a graph
MAX_BARS = 10  # what fits into a panel without scrolling
MAX_RUNNING_JOBS = 5
RATE_WINDOW = "$__rate_interval"
VISIBLE_RANGE = "$__range"

JOB_PROGRESS = f'topk({MAX_RUNNING_JOBS}, ml_job_progress_percent and on(job_id) ml_job_status{{status="RUNNING"}})'
JOBS_FAILED = 'ml_jobs_total{status="FAILED"}'


def limit_series(metric: str, key: str) -> str:
    """`metric` limited to MAX_SERIES series: `limit_series("ml_worker_busy_slots", "worker")`.

    `key` is the label that identifies a series, or several labels with commas between them.

    A plain `topk` chooses again at every step, so a range query would draw far more lines than its number.
    """
    return f"{metric} and on({key}) {top_series(metric)}"


def top_series(metric: str) -> str:
    """The MAX_SERIES series of `metric` with the highest value in the visible range: the same ones at every step."""
    return f"topk({MAX_SERIES}, max_over_time({metric}[$__range] @ end()))"


def with_model_name(expression: str, key: str = "model_id") -> str:
    """`expression` with the labels `model_name` and `model_version`; a model that the page does not name stays without.

    `key` is the label that identifies a series among those of one exporter, or several labels with commas between them.
    """
    named = f"({expression}) * on(job, instance, model_id) group_left(model_name, model_version) ml_model_info"
    return f"{named} or on(job, instance, {key}) ({expression})"


def of_exporter_process(expression: str) -> str:
    """`expression` for the exporter's own process only: every other scraped process exposes `process_*` too."""
    return f"{expression} and on(job, instance) ml_db_connected"


def rate_per_second(counter: str) -> str:
    """The rate of `counter` over the shortest window that contains enough scrapes."""
    return f"rate({counter}[$__rate_interval])"


def increase_per_step(counter: str) -> str:
    """How much `counter` rose in each step; not a whole number, because Prometheus extrapolates."""
    return f"increase({counter}[$__rate_interval])"


def ratio(part: str, whole: str) -> str:
    """`part` divided by `whole`; absent instead of NaN while `whole` is 0."""
    return f"{part} / ({whole} > 0)"


def quantile(q: float, histogram: str, *, window: str = RATE_WINDOW, by: str = "le") -> str:
    """The quantile `q` of a histogram's observations in the window; absent instead of NaN when there are none.

    `histogram` is the metric's name with optional label matchers: `ml_queue_wait_seconds{job_type="TRAIN"}`.
    """
    name, brace, matchers = histogram.partition("{")
    function = "increase" if window == VISIBLE_RANGE else "rate"
    return f"histogram_quantile({q}, sum by ({by}) ({function}({name}_bucket{brace}{matchers}[{window}]))) >= 0"
