"""The service's objectives, and the row that shows how well they are met and how much of the error budget is left."""

from dashboards.board import Builder, add_row
from dashboards.panels import Face, Query, Steps, gauge_panel, stat_panel, time_series_panel
from dashboards.queries import RANGE, quantile, share
from dashboards.sdk import gauge, stat, timeseries

COMPLETED = 0.99
"""Of the jobs that COMPLETED or FAILED; a job that its owner cancelled is neither."""
WAIT_SECONDS = 60
IN_TIME = 0.95
"""Of the jobs that started: first start within WAIT_SECONDS of acceptance."""
BURN_FAST, BURN_SLOW = 14.4, 6
"""Times the even spending of the budget at which an alert fires: over 1 h and 5 m, over 6 h and 30 m."""

TITLE = "Objectives over the visible range: 99 % complete, 95 % start within a minute"
NO_JOB = "no job in this range"
LEFT: Steps = ((None, "red"), (0.01, "orange"), (0.25, "green"))


def add_objectives(board: Builder, *, failed: str, judged: str, wait: str) -> None:
    """`failed` and `judged` select `ml_jobs_total`; `wait` are the label matchers of `ml_queue_wait_seconds`."""
    failures = share(f"sum(increase({failed}[{RANGE}]))", f"sum(increase({judged}[{RANGE}]))")
    started = f"sum(increase(ml_queue_wait_seconds_count{{{wait}}}[{RANGE}]))"
    in_time = f'sum(increase(ml_queue_wait_seconds_bucket{{{wait}, le="{WAIT_SECONDS}.0"}}[{RANGE}]))'
    add_row(
        board,
        TITLE,
        _met(
            "Jobs completed",
            "Share of the jobs that did not fail; cancelled ones do not count.",
            f"1 - {failures}",
            COMPLETED,
        ),
        _left("Failure budget left", "1 % of the jobs may fail.", f"1 - ({failures}) / {_budget(COMPLETED)}"),
        _burn(),
        _met(
            "Jobs started in time",
            "Share of the started jobs that waited at most 60 s.",
            share(in_time, started),
            IN_TIME,
        ),
        _left(
            "Wait budget left",
            "5 % of the jobs may wait longer than 60 s.",
            f"1 - (1 - {share(in_time, started)}) / {_budget(IN_TIME)}",
        ),
        _wait(wait),
    )


def _budget(objective: float) -> str:
    return f"{1 - objective:.2g}"


def _met(title: str, text: str, query: str, objective: float) -> stat.Panel:
    steps: Steps = ((None, "red"), (objective, "green"))
    return stat_panel(Face(title, text, NO_JOB, "percentunit", 4, 7, steps, decimals=2), Query(query, title))


def _left(title: str, text: str, query: str) -> gauge.Panel:
    words = f"{text} The share of that allowance which is not used up; below 0 the objective is missed."
    face = Face(title, words, NO_JOB, "percentunit", 4, 7, LEFT, maximum=1, decimals=0)
    return gauge_panel(face, Query(query, title))


def _burn() -> timeseries.Panel:
    face = Face(
        "Failure budget burn rate",
        "1 spends the budget evenly; alerts fire at 14.4 over an hour and at 6 over six hours. Of all job types.",
        "no job ended, or the recording rules are not loaded",
        "none",
        16,
        7,
        ((None, "green"), (BURN_SLOW, "orange"), (BURN_FAST, "red")),
    )
    windows = ("5m", "1h", "6h")
    queries = [Query(f"job:ml_jobs_failed:ratio_rate{w} / {_budget(COMPLETED)}", f"over {w}") for w in windows]
    return time_series_panel(face, *queries, limits=True)


def _wait(wait: str) -> timeseries.Panel:
    face = Face(
        "Wait before the first start",
        "From acceptance to the first start, of the jobs of each minute; 95 % should stay below the line.",
        NO_JOB,
        "s",
        16,
        7,
        ((None, "green"), (WAIT_SECONDS, "red")),
        interval="1m",
    )
    queries = [Query(quantile(q, f"ml_queue_wait_seconds{{{wait}}}"), f"p{q * 100:g}") for q in (0.5, 0.95)]
    return time_series_panel(face, *queries, limits=True)
