"""The overview dashboard for operators: health, rate, errors and duration of jobs, objectives, jobs to look at.

Rate, errors, duration is the RED method (Tom Wilkie, "The RED Method", 2018).
"""

from dashboards.grafana_sdk import DashboardBuilder, bargauge, dashboard, stat, table
from dashboards.links import CLICKED_JOB, FLEET, INTERNALS, OVERVIEW, Link, dashboard_link, job_links, runbook_link
from dashboards.objectives import add_objectives_row
from dashboards.operator_dashboard import (
    NO_DATA,
    add_api_url_variable,
    add_multi_choice_variable,
    add_row,
    new_dashboard,
)
from dashboards.panels import (
    BLUE,
    PanelOptions,
    PanelQuery,
    Thresholds,
    ValueLabels,
    bar_gauge_panel,
    stat_panel,
    time_series_panel,
)
from dashboards.promql import VISIBLE_RANGE, quantile, rate_per_second, ratio
from dashboards.table_panel import TableColumn, table_panel
from dashboards.value_labels import JOB_LABELS, STATUS, STATUS_COLORS, UP

OF_JOB_TYPE = 'job_type=~"$job_type"'
JOBS_ENDED = f"ml_jobs_total{{{OF_JOB_TYPE}}}"
JOBS_FAILED = f'ml_jobs_total{{{OF_JOB_TYPE}, status="FAILED"}}'
JOBS_DONE = f'ml_jobs_total{{{OF_JOB_TYPE}, status=~"COMPLETED|FAILED"}}'
JOB_DURATION = f"ml_jobs_duration_seconds{{{OF_JOB_TYPE}}}"
RED_AT_ZERO: Thresholds = ((None, "red"), (1, "green"))
RED_FROM_ONE: Thresholds = ((None, "green"), (1, "red"))


def build() -> dashboard.Dashboard:
    """The dashboard; its panels have no ids yet."""
    description = (
        "Is it broken? The parts' health, the jobs' rate, errors and duration, the objectives and their budgets."
    )
    builder = new_dashboard(OVERVIEW, "ML Training: Overview", description)
    add_multi_choice_variable(builder, "job_type", "Job type", "ml_jobs_total")
    add_api_url_variable(builder)
    _add_health_row(builder)
    _add_jobs_row(builder)
    add_objectives_row(builder, failed=JOBS_FAILED, completed_or_failed=JOBS_DONE, wait_matchers=OF_JOB_TYPE)
    add_row(builder, "Jobs that need a look", _longest_running_table(), _latest_jobs_table())
    return builder.build()


def _add_health_row(builder: DashboardBuilder) -> None:
    inside, fleet = dashboard_link(INTERNALS, "Service internals"), dashboard_link(FLEET, "Fleet and queues")
    firing = 'sum(ALERTS{alertstate="firing", job="ml-training-exporter"}) or vector(0)'
    add_row(
        builder,
        "Is it broken?",
        _health_stat(
            "Exporter",
            "Whether Prometheus gets metrics.",
            'min(up{job="ml-training-exporter"})',
            inside,
            value_labels=UP,
        ),
        _health_stat("Database", "Whether the exporter reaches it.", "min(ml_db_connected)", inside, value_labels=UP),
        _health_stat(
            "Broker", "Whether the exporter reaches Redis.", "min(ml_broker_connected)", inside, value_labels=UP
        ),
        _health_stat(
            "API up for",
            "Since it started; 0 when not seen for 30 s.",
            "max(ml_service_uptime_seconds)",
            inside,
            unit="s",
        ),
        _health_stat("Workers", "Workers seen within 30 s.", "max(ml_workers_up)", fleet),
        _health_stat("Jobs running", "Jobs RUNNING now.", "max(ml_active_jobs)", fleet, thresholds=BLUE),
        _health_stat(
            "Jobs waiting", "Due jobs without a worker.", 'max(ml_queue_depth{queue="due"})', fleet, thresholds=BLUE
        ),
        _health_stat(
            "Alerts firing", "A click leads to what to do.", firing, runbook_link(), inside, thresholds=RED_FROM_ONE
        ),
    )


def _health_stat(
    title: str,
    description: str,
    query: str,
    *links: Link,
    unit: str = "none",
    thresholds: Thresholds = RED_AT_ZERO,
    value_labels: ValueLabels | None = None,
) -> stat.Panel:
    return stat_panel(
        PanelOptions(
            title=title,
            description=description,
            no_value=NO_DATA,
            unit=unit,
            width=3,
            height=4,
            thresholds=thresholds,
            links=links,
        ),
        PanelQuery(query, title),
        value_labels=value_labels,
    )


def _add_jobs_row(builder: DashboardBuilder) -> None:
    failing = ratio(
        f"sum by (job_type) ({rate_per_second(JOBS_FAILED)})",
        f"sum by (job_type) ({rate_per_second(JOBS_DONE)})",
    )
    add_row(
        builder,
        "Jobs: rate, errors, duration",
        time_series_panel(
            PanelOptions(
                title="Jobs ended",
                description="Jobs a minute, by the status they ended in.",
                no_value=NO_DATA,
                unit="suffix:/min",
                width=8,
                min_interval="1m",
            ),
            PanelQuery(f"sum by (status) ({rate_per_second(JOBS_ENDED)}) * 60", "{{status}}"),
            colors=STATUS_COLORS,
        ),
        time_series_panel(
            PanelOptions(
                title="Failure ratio",
                description="FAILED of those that COMPLETED or FAILED, by job type.",
                no_value="no job ended",
                unit="percentunit",
                width=8,
                soft_maximum=0.1,
                min_interval="1m",
            ),
            PanelQuery(failing, "{{job_type}}"),
        ),
        time_series_panel(
            PanelOptions(
                title="Duration",
                description="First start to end, of the jobs that ended in each minute.",
                no_value="no job ended",
                unit="s",
                width=8,
                min_interval="1m",
            ),
            *(PanelQuery(quantile(q, JOB_DURATION), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)),
        ),
        _ended_jobs_bars(),
        _slow_jobs_bars(),
    )


def _ended_jobs_bars() -> bargauge.Panel:
    return bar_gauge_panel(
        PanelOptions(
            title="Ended in this range",
            description="Jobs that ended in the visible range, by type and status.",
            no_value="no job ended",
            width=12,
            height=7,
            thresholds=BLUE,
            decimals=0,
        ),
        PanelQuery(
            f"sum by (job_type, status) (increase({JOBS_ENDED}[{VISIBLE_RANGE}])) > 0", "{{job_type}} {{status}}"
        ),
    )


def _slow_jobs_bars() -> bargauge.Panel:
    return bar_gauge_panel(
        PanelOptions(
            title="95 % took at most",
            description="First start to end, of the jobs that ended in the visible range.",
            no_value="no job ended",
            unit="s",
            width=12,
            height=7,
            thresholds=BLUE,
        ),
        PanelQuery(quantile(0.95, JOB_DURATION, window=VISIBLE_RANGE, by="job_type, le"), "{{job_type}}"),
    )


def _longest_running_table() -> table.Panel:
    options = PanelOptions(
        title="Running longest",
        description="The ten jobs that run longest; click a number.",
        no_value="no job runs",
        width=12,
        height=10,
    )
    running = f'ml_job_duration_seconds{{{OF_JOB_TYPE}}} and on(job_id) ml_job_status{{status="RUNNING"}}'
    query = PanelQuery(f"topk(10, max by (job_id, job_type, model_type) ({running}))", "Running for")
    menu = {"Job": job_links(CLICKED_JOB)}
    return table_panel(options, TableColumn(query, "s"), labels=JOB_LABELS, descending="Running for", links=menu)


def _latest_jobs_table() -> table.Panel:
    description = (
        "Twenty jobs of now and of the last 15 minutes: cancelled first, then failed, completed, running, waiting."
    )
    options = PanelOptions(
        title="Ends, bad ones first", description=description, no_value="no job", width=12, height=10
    )
    query = PanelQuery(f"topk(20, max by (job_id, job_type, model_type) (ml_job_status{{{OF_JOB_TYPE}}}))", "Status")
    column, menu = TableColumn(query, value_labels=STATUS), {"Job": job_links(CLICKED_JOB)}
    return table_panel(options, column, labels=JOB_LABELS, descending="Status", links=menu)
