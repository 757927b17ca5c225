"""The dashboard of the fleet and the queue: use of the workers, waiting jobs, lost and refused work.

Utilisation, saturation, errors is the USE method (Brendan Gregg, "Systems Performance", chapter 2).
"""

from dashboards.grafana_sdk import DashboardBuilder, dashboard, gauge, stat, timeseries
from dashboards.links import FLEET, INTERNALS, OVERVIEW, Link, dashboard_link
from dashboards.objectives import WAIT_SECONDS
from dashboards.operator_dashboard import NO_DATA, add_multi_choice_variable, add_row, new_dashboard
from dashboards.panels import (
    BLUE,
    PanelOptions,
    PanelQuery,
    Thresholds,
    bar_gauge_panel,
    gauge_panel,
    stat_panel,
    time_series_panel,
    timeline_panel,
)
from dashboards.promql import VISIBLE_RANGE, increase_per_step, limit_series, quantile, ratio, top_series
from dashboards.value_labels import UP

OF_JOB_TYPE = 'job_type=~"$job_type"'
SLOTS = "sum(max by (worker) (ml_worker_slots))"
BUSY_SLOTS = "sum(max by (worker) (ml_worker_busy_slots))"
DUE_JOBS = 'max(ml_queue_depth{queue="due"})'
NO_WORKER = "no worker"
LOST_AFTER_SECONDS = 30  # a worker counts as lost after this time without a heartbeat


def build() -> dashboard.Dashboard:
    """The dashboard; its panels have no ids yet."""
    description = "How busy the workers are, what waits for them and for how long, what was lost or refused."
    builder = new_dashboard(FLEET, "ML Training: Fleet and queues", description)
    add_multi_choice_variable(builder, "job_type", "Job type", "ml_jobs_total")
    for add in (
        _add_utilisation_row,
        _add_queue_row,
        _add_waits_row,
        _add_estimates_row,
        _add_errors_row,
        _add_projects_row,
    ):
        add(builder)
    return builder.build()


def _add_utilisation_row(builder: DashboardBuilder) -> None:
    overview, internals = dashboard_link(OVERVIEW, "Overview"), dashboard_link(INTERNALS, "Service internals")
    waiting = "Due jobs that no worker has taken yet."
    add_row(
        builder,
        "Utilisation: slots that run a job",
        stat_panel(
            PanelOptions(
                title="Workers",
                description="Workers seen within 30 s.",
                no_value=NO_DATA,
                width=4,
                height=4,
                thresholds=((None, "red"), (1, "green")),
            ),
            PanelQuery("max(ml_workers_up)", "Workers"),
        ),
        _count_stat("Slots", "Jobs that all workers can run at once.", SLOTS, NO_WORKER, internals),
        _count_stat("Busy", "Slots that run a job now.", BUSY_SLOTS, NO_WORKER, overview),
        _utilisation_gauge(),
        _count_stat("Jobs waiting", waiting, DUE_JOBS, NO_DATA, overview, legend="Waiting"),
        _drain_time_stat(),
        time_series_panel(
            PanelOptions(
                title="Slots and how many are busy",
                description="Of all living workers together.",
                no_value=NO_WORKER,
                width=12,
            ),
            PanelQuery(SLOTS, "slots"),
            PanelQuery(BUSY_SLOTS, "busy"),
        ),
        time_series_panel(
            PanelOptions(
                title="Busy slots by worker",
                description="At most 20 workers, the busiest in this range.",
                no_value=NO_WORKER,
                width=12,
            ),
            PanelQuery(limit_series("ml_worker_busy_slots", "worker"), "{{worker}}"),
        ),
    )


def _count_stat(
    title: str, description: str, query: str, no_value: str, link: Link, *, legend: str | None = None
) -> stat.Panel:
    return stat_panel(
        PanelOptions(
            title=title,
            description=description,
            no_value=no_value,
            width=4,
            height=4,
            thresholds=BLUE,
            links=(link,),
        ),
        PanelQuery(query, legend or title),
    )


def _utilisation_gauge() -> gauge.Panel:
    return gauge_panel(
        PanelOptions(
            title="Utilisation",
            description=(
                "Share of the slots that run a job. Near 100 % is full use; with a growing queue it is too few slots."
            ),
            no_value=NO_WORKER,
            unit="percentunit",
            width=4,
            height=4,
            thresholds=((None, "green"), (0.9, "orange")),
            maximum=1,
            decimals=0,
        ),
        PanelQuery(ratio(BUSY_SLOTS, SLOTS), "Utilisation"),
    )


def _drain_time_stat() -> stat.Panel:
    ended = f"sum(increase(ml_jobs_total[{VISIBLE_RANGE}]))"
    return stat_panel(
        PanelOptions(
            title="Time to drain",
            description="How long the waiting jobs take at the pace of the visible range, if none is added.",
            no_value="no job ended",
            unit="s",
            width=4,
            height=4,
            thresholds=BLUE,
        ),
        PanelQuery(f"{ratio(DUE_JOBS, ended)} * $__range_s", "Time to drain"),
    )


def _add_queue_row(builder: DashboardBuilder) -> None:
    oldest = "How long the oldest due job has been due; above the line BacklogGrowing fires if the queue also grows."
    now = f"max by (job_type, status) (ml_jobs_current{{{OF_JOB_TYPE}}})"
    add_row(
        builder,
        "Saturation: what waits",
        time_series_panel(
            PanelOptions(
                title="Queue depth",
                description="Due jobs in the database; permits to run one job in the broker.",
                no_value=NO_DATA,
                width=7,
            ),
            PanelQuery("max by (queue) (ml_queue_depth)", "{{queue}}"),
        ),
        time_series_panel(
            PanelOptions(
                title="Oldest due job",
                description=oldest,
                no_value=NO_DATA,
                unit="s",
                width=7,
                thresholds=((None, "green"), (300, "red")),
            ),
            PanelQuery("max(ml_queue_oldest_seconds)", "oldest"),
            threshold_lines=True,
        ),
        time_series_panel(
            PanelOptions(
                title="Jobs now",
                description="Jobs PENDING and RUNNING, by type.",
                no_value=NO_DATA,
                width=10,
            ),
            PanelQuery(now, "{{job_type}} {{status}}"),
        ),
    )


def _add_projects_row(builder: DashboardBuilder) -> None:
    named = "Only of the projects that ML_TRAINING_METRICS_PROJECTS names."
    none = "no project is named"
    add_row(
        builder,
        "Projects",
        time_series_panel(
            PanelOptions(title="Jobs by project", description=f"PENDING and RUNNING. {named}", no_value=none, width=12),
            PanelQuery("max by (project, status) (ml_project_jobs)", "{{project}} {{status}}"),
        ),
        time_series_panel(
            PanelOptions(
                title="Stored bytes by project",
                description=f"Data sets, models and predictions that are not deleted. {named}",
                no_value=none,
                unit="bytes",
                width=12,
            ),
            PanelQuery("max by (project) (ml_project_stored_bytes)", "{{project}}"),
        ),
    )


def _add_waits_row(builder: DashboardBuilder) -> None:
    wait = f"ml_queue_wait_seconds{{{OF_JOB_TYPE}}}"
    thresholds: Thresholds = ((None, "green"), (WAIT_SECONDS, "red"))
    description = "From acceptance to the first start, of the jobs started in each minute."
    none = "no job started"
    add_row(
        builder,
        "Waits",
        time_series_panel(
            PanelOptions(
                title="Wait, all types together",
                description=description,
                no_value=none,
                unit="s",
                width=12,
                thresholds=thresholds,
                min_interval="1m",
            ),
            *(PanelQuery(quantile(q, wait), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)),
            threshold_lines=True,
        ),
        time_series_panel(
            PanelOptions(
                title="Wait by type: 95 % at most",
                description=description,
                no_value=none,
                unit="s",
                width=12,
                thresholds=thresholds,
                min_interval="1m",
            ),
            PanelQuery(quantile(0.95, wait, by="job_type, le"), "{{job_type}}"),
            threshold_lines=True,
        ),
    )


def _add_estimates_row(builder: DashboardBuilder) -> None:
    held = 'ml_job_estimates_total{result="held"}'
    told = "Of dry runs whose job was submitted next: the share that was between half and twice as long."
    shares = ratio(
        f"sum by (estimate) (increase({held}[{VISIBLE_RANGE}]))",
        f"sum by (estimate) (increase(ml_job_estimates_total[{VISIBLE_RANGE}]))",
    )
    reused = f"ml_jobs_reused_total{{{OF_JOB_TYPE}}}"
    add_row(
        builder,
        "Estimates and reuse",
        bar_gauge_panel(
            PanelOptions(
                title="Estimates that held",
                description=told,
                no_value="no dry run was submitted",
                unit="percentunit",
                width=12,
                height=8,
                thresholds=BLUE,
            ),
            PanelQuery(shares, "{{estimate}}"),
        ),
        time_series_panel(
            PanelOptions(
                title="Jobs with the result of an equal job",
                description="In each step, by type: they did no work.",
                no_value=NO_DATA,
                width=12,
            ),
            PanelQuery(f"sum by (job_type) ({increase_per_step(reused)})", "{{job_type}}"),
        ),
    )


def _add_errors_row(builder: DashboardBuilder) -> None:
    silence = "Seconds since the last heartbeat, of the 20 workers that were silent longest. Lost after 30 s."
    refused = "Writes of an attempt that no longer owned its job, refused: harmless one by one, a sign of lost leases."
    add_row(
        builder,
        "Errors: what was lost or refused",
        _increase_panel(
            "Lost attempts", "Attempts charged to their job, by reason.", "ml_job_attempts_lost_total", "reason"
        ),
        time_series_panel(
            PanelOptions(
                title="Refused: late writes, foreign entries, requests without a key",
                description=refused,
                no_value=NO_DATA,
                width=8,
                height=7,
                min_interval="1m",
                soft_maximum=1,
            ),
            PanelQuery(f"sum({increase_per_step('ml_stale_writes_refused_total')})", "writes"),
            PanelQuery(f"sum({increase_per_step('ml_queue_entries_dropped_total')})", "entries of the queue"),
            PanelQuery(f"sum({increase_per_step('ml_api_unauthenticated_total')})", "requests without a valid key"),
        ),
        _increase_panel("Jobs refused at the door", "By reason; of a batch, each.", "ml_jobs_rejected_total", "reason"),
        time_series_panel(
            PanelOptions(
                title="Silence of workers",
                description=silence,
                no_value=NO_WORKER,
                unit="s",
                width=12,
                height=7,
                thresholds=((None, "green"), (LOST_AFTER_SECONDS, "red")),
            ),
            PanelQuery(limit_series("ml_worker_heartbeat_age_seconds", "worker"), "{{worker}}"),
            threshold_lines=True,
        ),
        timeline_panel(
            PanelOptions(
                title="Up or lost",
                description="Of the 20 workers that were silent longest. Below them: whether each process sees the "
                "storage of the service; one that sees another takes no work. Last: whether the broker takes permits.",
                no_value=NO_WORKER,
                width=12,
                height=7,
            ),
            PanelQuery("ml_worker_up and on(worker) " + top_series("ml_worker_heartbeat_age_seconds"), "{{worker}}"),
            PanelQuery(limit_series("ml_process_storage_ok", "process"), "{{process}}: storage"),
            PanelQuery(limit_series("ml_process_broker_ok", "process"), "{{process}}: broker"),
            value_labels=UP,
        ),
    )


def _increase_panel(title: str, description: str, counter: str, label: str) -> timeseries.Panel:
    options = PanelOptions(
        title=title,
        description=description,
        no_value=NO_DATA,
        width=8,
        height=7,
        min_interval="1m",
        soft_maximum=1,
    )
    return time_series_panel(
        options, PanelQuery(f"sum by ({label}) ({increase_per_step(counter)})", f"{{{{{label}}}}}")
    )
