"""One job: how far it is, how long it takes beside others of its type, and what befell the fleet meanwhile."""

from dashboards.board import NO_DATA, Builder, add_api_url, add_choice, add_number, add_row, new_board
from dashboards.links import CHOSEN_JOB, FLEET, JOB, ROW_JOB, to_api, to_board
from dashboards.panels import (
    Face,
    Query,
    Steps,
    bar_gauge_panel,
    gauge_panel,
    stat_panel,
    time_series_panel,
    timeline_panel,
)
from dashboards.queries import RANGE, in_window, quantile
from dashboards.sdk import dashboard, stat
from dashboards.states import JOB_LABELS, STATUS
from dashboards.tables import Column, table_panel

ONE = 'job_id=~"$job_id"'
OF_TYPE = 'job_type=~"$job_type"'
GONE = "not in this range"
BLUE: Steps = ((None, "blue"),)


def build() -> dashboard.Dashboard:
    """The dashboard, panels without ids."""
    text = "One job: progress, time left, duration, features. A job is listed while it lives and 15 minutes longer."
    board = new_board(JOB, "ML Training: One job", text)
    add_choice(board, "job_type", "Job type", "ml_job_status")
    add_choice(board, "model_type", "Model type", 'ml_job_status{job_type=~"$job_type"}')
    add_number(board, "job_id", "Job", 'ml_job_status{job_type=~"$job_type", model_type=~"$model_type"}')
    add_api_url(board)
    for add in (_now, _course, _beside):
        add(board)
    return board.build()


def _latest(metric: str) -> str:
    """The value of now, else the last one in the visible range: a job that ended is exposed for 15 minutes only."""
    return f"max({metric}{{{ONE}}}) or max(last_over_time({metric}{{{ONE}}}[{RANGE}]))"


def _now(board: Builder) -> None:
    progress = Face(
        "Progress", "0 while it waits, 100 when COMPLETED.", GONE, "percent", 4, 6, BLUE, maximum=100, decimals=1
    )
    add_row(
        board,
        "Job $job_id",
        stat_panel(
            Face(
                "Status",
                "Now, or the last one that was seen.",
                GONE,
                "none",
                4,
                6,
                BLUE,
                links=(to_api("This job in the API", f"jobs/{CHOSEN_JOB}"),),
            ),
            Query(_latest("ml_job_status"), "Status"),
            words=STATUS,
        ),
        gauge_panel(progress, Query(_latest("ml_job_progress_percent"), "Progress")),
        _number("Duration", "Since its first start; final once it ended.", "s", _latest("ml_job_duration_seconds")),
        _number("Time left", "As the training estimates it.", "s", f"max(ml_job_eta_seconds{{{ONE}}})", none="unknown"),
        _number("Features", "Used, after automatic choice and engineering.", "none", _latest("ml_job_features_count")),
        _number("Phases", "Phases selected; 0 without.", "none", _latest("ml_job_phases_count")),
    )


def _number(title: str, text: str, unit: str, query: str, *, none: str = GONE) -> stat.Panel:
    return stat_panel(Face(title, text, none, unit, 4, 6, BLUE, decimals=int(unit == "s")), Query(query, title))


def _course(board: Builder) -> None:
    pace = "Progress in percent a minute; a long flat 0 of a running job is what JobStuck looks for."
    add_row(
        board,
        "Its course",
        time_series_panel(
            Face("Progress over time", "It falls only when the job was handed back.", GONE, "percent", 12, maximum=100),
            Query(f"max by (job_id) (ml_job_progress_percent{{{ONE}}})", "Job {{job_id}}"),
        ),
        time_series_panel(
            Face("Elapsed and left", "Seconds since the first start, and the estimate to the end.", GONE, "s", 12),
            Query(f"max(ml_job_duration_seconds{{{ONE}}})", "elapsed"),
            Query(f"max(ml_job_eta_seconds{{{ONE}}})", "left"),
        ),
        time_series_panel(
            Face("Pace", pace, GONE, "suffix:%/min", 12, 6, interval="1m"),
            Query(f"clamp_min(deriv(ml_job_progress_percent{{{ONE}}}[$__rate_interval]), 0) * 60", "Job {{job_id}}"),
        ),
        timeline_panel(
            Face("Status over time", "RUNNING may turn to PENDING when an attempt is lost.", GONE, "none", 12, 6),
            Query(f"max by (job_id) (ml_job_status{{{ONE}}})", "Job {{job_id}}"),
            words=STATUS,
        ),
    )


def _beside(board: Builder) -> None:
    duration = f"ml_jobs_duration_seconds{{{OF_TYPE}}}"
    lost = "Attempts of all jobs that were lost in each minute: tells this job's trouble from the fleet's."
    fleet = (to_board(FLEET, "Fleet and queues"),)
    face = Face("This job", "Click the number for the job in the API.", GONE, "none", 12, 6)
    query = Query(f"max by (job_id, job_type, model_type) (last_over_time(ml_job_status{{{ONE}}}[{RANGE}]))", "Status")
    add_row(
        board,
        "Beside it",
        table_panel(
            face,
            Column(query, words=STATUS),
            labels=JOB_LABELS,
            descending="Status",
            links={"Job": (to_api("This job in the API", f"jobs/{ROW_JOB}"),)},
        ),
        bar_gauge_panel(
            Face(
                "Usual duration", "Of the chosen types' jobs that ended in this range.", "none ended", "s", 6, 6, BLUE
            ),
            *(Query(quantile(q, duration, window=RANGE), f"p{q * 100:g}") for q in (0.5, 0.95)),
        ),
        time_series_panel(
            Face("Lost attempts, all jobs", lost, NO_DATA, "none", 6, 6, interval="1m", links=fleet, soft_maximum=1),
            Query(f"sum by (reason) ({in_window('ml_job_attempts_lost_total')})", "{{reason}}"),
        ),
    )
