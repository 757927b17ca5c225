"""The service level objectives, and the row that shows whether they are met and how much error budget is left.

Burn rates and their alert thresholds: Google, "The Site Reliability Workbook", chapter 5, "Alerting on SLOs".
"""

from dashboards.grafana_sdk import DashboardBuilder, gauge, stat, timeseries
from dashboards.operator_dashboard import add_row
from dashboards.panels import PanelOptions, PanelQuery, Thresholds, gauge_panel, stat_panel, time_series_panel
from dashboards.promql import VISIBLE_RANGE, quantile, ratio

COMPLETED_OBJECTIVE = 0.99
"""This share of the jobs that COMPLETED or FAILED must complete; a cancelled job does not count."""
WAIT_SECONDS = 60
IN_TIME_OBJECTIVE = 0.95
"""This share of the started jobs must start for the first time within WAIT_SECONDS of acceptance."""
BURN_FAST, BURN_SLOW = 14.4, 6
"""An alert fires at this multiple of an even use of the budget: fast over 1 h and 5 m, slow over 6 h and 30 m."""

TITLE = "Objectives over the visible range: 99 % complete, 95 % start within a minute"
NO_JOB = "no job in this range"
BUDGET_THRESHOLDS: Thresholds = ((None, "red"), (0.01, "orange"), (0.25, "green"))


def add_objectives_row(builder: DashboardBuilder, *, failed: str, completed_or_failed: str, wait_matchers: str) -> None:
    """Add the row; two selectors of `ml_jobs_total`, and label matchers for `ml_queue_wait_seconds`."""
    failures = ratio(
        f"sum(increase({failed}[{VISIBLE_RANGE}]))", f"sum(increase({completed_or_failed}[{VISIBLE_RANGE}]))"
    )
    started = f"sum(increase(ml_queue_wait_seconds_count{{{wait_matchers}}}[{VISIBLE_RANGE}]))"
    in_time = f'sum(increase(ml_queue_wait_seconds_bucket{{{wait_matchers}, le="{WAIT_SECONDS}.0"}}[{VISIBLE_RANGE}]))'
    add_row(
        builder,
        TITLE,
        _objective_stat(
            "Jobs completed",
            "Share of the jobs that did not fail; cancelled ones do not count.",
            f"1 - {failures}",
            COMPLETED_OBJECTIVE,
        ),
        _budget_left_gauge(
            "Failure budget left",
            "1 % of the jobs may fail.",
            f"1 - ({failures}) / {_error_budget(COMPLETED_OBJECTIVE)}",
        ),
        _burn_rate_panel(),
        _objective_stat(
            "Jobs started in time",
            "Share of the started jobs that waited at most 60 s.",
            ratio(in_time, started),
            IN_TIME_OBJECTIVE,
        ),
        _budget_left_gauge(
            "Wait budget left",
            "5 % of the jobs may wait longer than 60 s.",
            f"1 - (1 - {ratio(in_time, started)}) / {_error_budget(IN_TIME_OBJECTIVE)}",
        ),
        _wait_panel(wait_matchers),
    )


def _error_budget(objective: float) -> str:
    return f"{1 - objective:.2g}"


def _objective_stat(title: str, description: str, query: str, objective: float) -> stat.Panel:
    return stat_panel(
        PanelOptions(
            title=title,
            description=description,
            no_value=NO_JOB,
            unit="percentunit",
            width=4,
            height=7,
            thresholds=((None, "red"), (objective, "green")),
            decimals=2,
        ),
        PanelQuery(query, title),
    )


def _budget_left_gauge(title: str, description: str, query: str) -> gauge.Panel:
    meaning = "The share of that allowance which is not used up; below 0 the objective is missed."
    options = PanelOptions(
        title=title,
        description=f"{description} {meaning}",
        no_value=NO_JOB,
        unit="percentunit",
        width=4,
        height=7,
        thresholds=BUDGET_THRESHOLDS,
        maximum=1,
        decimals=0,
    )
    return gauge_panel(options, PanelQuery(query, title))


def _burn_rate_panel() -> timeseries.Panel:
    meaning = "1 spends the budget evenly; alerts fire at 14.4 over an hour and at 6 over six hours. Of all job types."
    options = PanelOptions(
        title="Failure budget burn rate",
        description=meaning,
        no_value="no job ended, or the recording rules are not loaded",
        width=16,
        height=7,
        thresholds=((None, "green"), (BURN_SLOW, "orange"), (BURN_FAST, "red")),
    )
    windows = ("5m", "1h", "6h")
    queries = [
        PanelQuery(f"job:ml_jobs_failed:ratio_rate{w} / {_error_budget(COMPLETED_OBJECTIVE)}", f"over {w}")
        for w in windows
    ]
    return time_series_panel(options, *queries, threshold_lines=True)


def _wait_panel(wait_matchers: str) -> timeseries.Panel:
    options = PanelOptions(
        title="Wait before the first start",
        description="From acceptance to the first start, of the jobs of each minute; 95 % should stay below the line.",
        no_value=NO_JOB,
        unit="s",
        width=16,
        height=7,
        thresholds=((None, "green"), (WAIT_SECONDS, "red")),
        min_interval="1m",
    )
    queries = [
        PanelQuery(quantile(q, f"ml_queue_wait_seconds{{{wait_matchers}}}"), f"p{q * 100:g}") for q in (0.5, 0.95)
    ]
    return time_series_panel(options, *queries, threshold_lines=True)
