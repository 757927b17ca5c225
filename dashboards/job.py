"""The dashboard of one job: status, progress, comparison with jobs of its type, and lost attempts in the fleet."""

from dashboards.grafana_sdk import DashboardBuilder, dashboard, stat, timeseries
from dashboards.links import CHOSEN_JOB, CLICKED_JOB, FLEET, JOB, console_link, dashboard_link
from dashboards.operator_dashboard import (
    NO_DATA,
    add_api_url_variable,
    add_multi_choice_variable,
    add_row,
    add_single_choice_variable,
    new_dashboard,
)
from dashboards.panels import (
    BLUE,
    PanelOptions,
    PanelQuery,
    bar_gauge_panel,
    gauge_panel,
    stat_panel,
    time_series_panel,
    timeline_panel,
)
from dashboards.promql import VISIBLE_RANGE, increase_per_step, quantile
from dashboards.table_panel import TableColumn, table_panel
from dashboards.value_labels import JOB_LABELS, STATUS

OF_JOB = 'job_id=~"$job_id"'
OF_JOB_TYPE = 'job_type=~"$job_type"'
NOT_SEEN = "not in this range"


def build() -> dashboard.Dashboard:
    """The dashboard; its panels have no ids yet."""
    description = (
        "One job: progress, time left, duration, features. A job is listed while it lives and 15 minutes longer."
    )
    builder = new_dashboard(JOB, "ML Training: One job", description)
    add_multi_choice_variable(builder, "job_type", "Job type", "ml_job_status")
    add_multi_choice_variable(builder, "model_type", "Model type", 'ml_job_status{job_type=~"$job_type"}')
    add_single_choice_variable(
        builder, "job_id", "Job", 'ml_job_status{job_type=~"$job_type", model_type=~"$model_type"}'
    )
    add_api_url_variable(builder)
    for add in (_add_current_state_row, _add_history_row, _add_comparison_row):
        add(builder)
    return builder.build()


def _latest_value(metric: str) -> str:
    """The current value, else the last one in the visible range: an ended job is exposed for 15 minutes only."""
    return f"max({metric}{{{OF_JOB}}}) or max(last_over_time({metric}{{{OF_JOB}}}[{VISIBLE_RANGE}]))"


def _add_current_state_row(builder: DashboardBuilder) -> None:
    progress = PanelOptions(
        title="Progress",
        description="0 while it waits, 100 when COMPLETED.",
        no_value=NOT_SEEN,
        unit="percent",
        width=4,
        height=6,
        thresholds=BLUE,
        maximum=100,
        decimals=1,
    )
    add_row(
        builder,
        "Job $job_id",
        stat_panel(
            PanelOptions(
                title="Status",
                description="Now, or the last one that was seen.",
                no_value=NOT_SEEN,
                width=4,
                height=6,
                thresholds=BLUE,
                links=(console_link("This job in the console", f"jobs/{CHOSEN_JOB}"),),
            ),
            PanelQuery(_latest_value("ml_job_status"), "Status"),
            value_labels=STATUS,
        ),
        gauge_panel(progress, PanelQuery(_latest_value("ml_job_progress_percent"), "Progress")),
        _number_stat(
            "Duration", "Since its first start; final once it ended.", "s", _latest_value("ml_job_duration_seconds")
        ),
        _number_stat(
            "Time left",
            "As the training estimates it.",
            "s",
            f"max(ml_job_eta_seconds{{{OF_JOB}}})",
            no_value="unknown",
        ),
        _number_stat(
            "Features", "Used, after automatic choice and engineering.", "none", _latest_value("ml_job_features_count")
        ),
        _number_stat("Phases", "Phases selected; 0 without.", "none", _latest_value("ml_job_phases_count")),
    )


def _number_stat(title: str, description: str, unit: str, query: str, *, no_value: str = NOT_SEEN) -> stat.Panel:
    return stat_panel(
        PanelOptions(
            title=title,
            description=description,
            no_value=no_value,
            unit=unit,
            width=4,
            height=6,
            thresholds=BLUE,
            decimals=int(unit == "s"),
        ),
        PanelQuery(query, title),
    )


def _add_history_row(builder: DashboardBuilder) -> None:
    pace = "Progress in percent a minute; a long flat 0 of a running job is what JobStuck looks for."
    add_row(
        builder,
        "Its course",
        time_series_panel(
            PanelOptions(
                title="Progress over time",
                description="It falls only when the job was handed back.",
                no_value=NOT_SEEN,
                unit="percent",
                width=12,
                maximum=100,
            ),
            PanelQuery(f"max by (job_id) (ml_job_progress_percent{{{OF_JOB}}})", "Job {{job_id}}"),
        ),
        _loss_panel(),
        time_series_panel(
            PanelOptions(
                title="Elapsed and left",
                description="Seconds since the first start, and the estimate to the end.",
                no_value=NOT_SEEN,
                unit="s",
                width=8,
                height=6,
            ),
            PanelQuery(f"max(ml_job_duration_seconds{{{OF_JOB}}})", "elapsed"),
            PanelQuery(f"max(ml_job_eta_seconds{{{OF_JOB}}})", "left"),
        ),
        time_series_panel(
            PanelOptions(
                title="Pace",
                description=pace,
                no_value=NOT_SEEN,
                unit="suffix:%/min",
                width=8,
                height=6,
                min_interval="1m",
            ),
            PanelQuery(
                f"clamp_min(deriv(ml_job_progress_percent{{{OF_JOB}}}[$__rate_interval]), 0) * 60", "Job {{job_id}}"
            ),
        ),
        timeline_panel(
            PanelOptions(
                title="Status over time",
                description="RUNNING may turn to PENDING when an attempt is lost.",
                no_value=NOT_SEEN,
                width=8,
                height=6,
            ),
            PanelQuery(f"max by (job_id) (ml_job_status{{{OF_JOB}}})", "Job {{job_id}}"),
            value_labels=STATUS,
        ),
    )


def _loss_panel() -> timeseries.Panel:
    description = "After each reported iteration: train are the rows learnt from, held_out the others; lower is better."
    no_value = "no loss is reported in this range"
    return time_series_panel(
        PanelOptions(title="Loss", description=description, no_value=no_value, width=12),
        PanelQuery(f"max by (split, score) (ml_job_loss{{{OF_JOB}}})", "{{score}}, {{split}}"),
    )


def _add_comparison_row(builder: DashboardBuilder) -> None:
    duration = f"ml_jobs_duration_seconds{{{OF_JOB_TYPE}}}"
    lost = "Attempts of all jobs that were lost in each minute: tells this job's trouble from the fleet's."
    fleet = (dashboard_link(FLEET, "Fleet and queues"),)
    options = PanelOptions(
        title="This job",
        description="Click the number for the job in the console.",
        no_value=NOT_SEEN,
        width=12,
        height=6,
    )
    query = PanelQuery(
        f"max by (job_id, job_type, model_type) (last_over_time(ml_job_status{{{OF_JOB}}}[{VISIBLE_RANGE}]))", "Status"
    )
    add_row(
        builder,
        "Beside it",
        table_panel(
            options,
            TableColumn(query, value_labels=STATUS),
            labels=JOB_LABELS,
            descending="Status",
            links={"Job": (console_link("This job in the console", f"jobs/{CLICKED_JOB}"),)},
        ),
        bar_gauge_panel(
            PanelOptions(
                title="Usual duration",
                description="Of the chosen types' jobs that ended in this range.",
                no_value="none ended",
                unit="s",
                width=6,
                height=6,
                thresholds=BLUE,
            ),
            *(PanelQuery(quantile(q, duration, window=VISIBLE_RANGE), f"p{q * 100:g}") for q in (0.5, 0.95)),
        ),
        time_series_panel(
            PanelOptions(
                title="Lost attempts, all jobs",
                description=lost,
                no_value=NO_DATA,
                width=6,
                height=6,
                min_interval="1m",
                links=fleet,
                soft_maximum=1,
            ),
            PanelQuery(f"sum by (reason) ({increase_per_step('ml_job_attempts_lost_total')})", "{{reason}}"),
        ),
    )
