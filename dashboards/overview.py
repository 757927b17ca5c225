"""The operators' first dashboard: is it broken, what do the jobs do, are the objectives met, which jobs need a look."""

from dashboards.board import NO_DATA, Builder, add_api_url, add_choice, add_row, new_board
from dashboards.links import FLEET, INTERNALS, OVERVIEW, ROW_JOB, Link, job_links, to_board
from dashboards.objectives import add_objectives
from dashboards.panels import Face, Query, Steps, Words, bar_gauge_panel, stat_panel, time_series_panel
from dashboards.queries import RANGE, per_second, quantile, share
from dashboards.sdk import dashboard, stat, table
from dashboards.states import JOB_LABELS, STATUS, STATUS_COLORS, UP
from dashboards.tables import Column, table_panel

OF_TYPE = 'job_type=~"$job_type"'
ENDED = f"ml_jobs_total{{{OF_TYPE}}}"
FAILED = f'ml_jobs_total{{{OF_TYPE}, status="FAILED"}}'
JUDGED = f'ml_jobs_total{{{OF_TYPE}, status=~"COMPLETED|FAILED"}}'
DURATION = f"ml_jobs_duration_seconds{{{OF_TYPE}}}"
NEUTRAL: Steps = ((None, "blue"),)
RED_AT_ZERO: Steps = ((None, "red"), (1, "green"))
RED_FROM_ONE: Steps = ((None, "green"), (1, "red"))


def build() -> dashboard.Dashboard:
    """The dashboard, panels without ids."""
    text = "Is it broken? The parts' health, the jobs' rate, errors and duration, the objectives and their budgets."
    board = new_board(OVERVIEW, "ML Training: Overview", text)
    add_choice(board, "job_type", "Job type", "ml_jobs_total")
    add_api_url(board)
    _health(board)
    _jobs(board)
    add_objectives(board, failed=FAILED, judged=JUDGED, wait=OF_TYPE)
    add_row(board, "Jobs that need a look", _running_longest(), _bad_ends_first())
    return board.build()


def _health(board: Builder) -> None:
    inside, fleet = to_board(INTERNALS, "Service internals"), to_board(FLEET, "Fleet and queues")
    firing = 'sum(ALERTS{alertstate="firing", job="ml-training-exporter"}) or vector(0)'
    add_row(
        board,
        "Is it broken?",
        _state("Exporter", "Whether Prometheus gets metrics.", 'min(up{job="ml-training-exporter"})', inside, words=UP),
        _state("Database", "Whether the exporter reaches it.", "min(ml_db_connected)", inside, words=UP),
        _state("Broker", "Whether the exporter reaches Redis.", "min(ml_broker_connected)", inside, words=UP),
        _state(
            "API up for",
            "Since it started; 0 when not seen for 30 s.",
            "max(ml_service_uptime_seconds)",
            inside,
            unit="s",
        ),
        _state("Workers", "Workers seen within 30 s.", "max(ml_workers_up)", fleet),
        _state("Jobs running", "Jobs RUNNING now.", "max(ml_active_jobs)", fleet, steps=NEUTRAL),
        _state("Jobs waiting", "Due jobs without a worker.", 'max(ml_queue_depth{queue="due"})', fleet, steps=NEUTRAL),
        _state("Alerts firing", "Remedies stand in docs/runbook.md.", firing, inside, steps=RED_FROM_ONE),
    )


def _state(
    title: str,
    text: str,
    query: str,
    link: Link,
    *,
    unit: str = "none",
    steps: Steps = RED_AT_ZERO,
    words: Words | None = None,
) -> stat.Panel:
    return stat_panel(Face(title, text, NO_DATA, unit, 3, 4, steps, links=(link,)), Query(query, title), words=words)


def _jobs(board: Builder) -> None:
    failing = share(f"sum by (job_type) ({per_second(FAILED)})", f"sum by (job_type) ({per_second(JUDGED)})")
    add_row(
        board,
        "Jobs: rate, errors, duration",
        time_series_panel(
            Face("Jobs ended", "Jobs a minute, by the status they ended in.", NO_DATA, "suffix:/min", 8, interval="1m"),
            Query(f"sum by (status) ({per_second(ENDED)}) * 60", "{{status}}"),
            colors=STATUS_COLORS,
        ),
        time_series_panel(
            Face(
                "Failure ratio",
                "FAILED of those that COMPLETED or FAILED, by job type.",
                "no job ended",
                "percentunit",
                8,
                soft_maximum=0.1,
                interval="1m",
            ),
            Query(failing, "{{job_type}}"),
        ),
        time_series_panel(
            Face(
                "Duration",
                "First start to end, of the jobs that ended in each minute.",
                "no job ended",
                "s",
                8,
                interval="1m",
            ),
            *(Query(quantile(q, DURATION), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)),
        ),
        bar_gauge_panel(
            Face(
                "Ended in this range",
                "Jobs that ended in the visible range, by type and status.",
                "no job ended",
                "none",
                12,
                7,
                NEUTRAL,
                decimals=0,
            ),
            Query(f"sum by (job_type, status) (increase({ENDED}[{RANGE}])) > 0", "{{job_type}} {{status}}"),
        ),
        bar_gauge_panel(
            Face(
                "95 % took at most",
                "First start to end, of the jobs that ended in the visible range.",
                "no job ended",
                "s",
                12,
                7,
                NEUTRAL,
            ),
            Query(quantile(0.95, DURATION, window=RANGE, by="job_type, le"), "{{job_type}}"),
        ),
    )


def _running_longest() -> table.Panel:
    face = Face("Running longest", "The ten jobs that run longest; click a number.", "no job runs", "none", 12, 10)
    running = f'ml_job_duration_seconds{{{OF_TYPE}}} and on(job_id) ml_job_status{{status="RUNNING"}}'
    query = Query(f"topk(10, max by (job_id, job_type, model_type) ({running}))", "Running for")
    menu = {"Job": job_links(ROW_JOB)}
    return table_panel(face, Column(query, "s"), labels=JOB_LABELS, descending="Running for", links=menu)


def _bad_ends_first() -> table.Panel:
    text = "Twenty jobs of now and of the last 15 minutes: cancelled first, then failed, completed, running, waiting."
    face = Face("Ends, bad ones first", text, "no job", "none", 12, 10)
    query = Query(f"topk(20, max by (job_id, job_type, model_type) (ml_job_status{{{OF_TYPE}}}))", "Status")
    column, menu = Column(query, words=STATUS), {"Job": job_links(ROW_JOB)}
    return table_panel(face, column, labels=JOB_LABELS, descending="Status", links=menu)
