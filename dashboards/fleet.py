"""Fleet and queues: how busy the workers are, what waits for them and how long, and what they lost."""

from dashboards.board import NO_DATA, Builder, add_choice, add_row, new_board
from dashboards.links import FLEET, INTERNALS, OVERVIEW, to_board
from dashboards.objectives import WAIT_SECONDS
from dashboards.panels import Face, Query, Steps, gauge_panel, stat_panel, time_series_panel, timeline_panel
from dashboards.queries import RANGE, bounded, in_window, most, quantile, share
from dashboards.sdk import dashboard, timeseries
from dashboards.states import UP

OF_TYPE = 'job_type=~"$job_type"'
SLOTS = "sum(max by (worker) (ml_worker_slots))"
BUSY = "sum(max by (worker) (ml_worker_busy_slots))"
DUE = 'max(ml_queue_depth{queue="due"})'
NO_WORKER = "no worker"
BLUE: Steps = ((None, "blue"),)
SILENT_SECONDS = 30  # a worker counts as lost after so long without a heartbeat


def build() -> dashboard.Dashboard:
    """The dashboard, panels without ids."""
    text = "How busy the workers are, what waits for them and for how long, what was lost or refused."
    board = new_board(FLEET, "ML Training: Fleet and queues", text)
    add_choice(board, "job_type", "Job type", "ml_jobs_total")
    for add in (_utilisation, _queue, _waits, _errors):
        add(board)
    return board.build()


def _utilisation(board: Builder) -> None:
    busy = ((None, "green"), (0.9, "orange"))
    above, below = (to_board(OVERVIEW, "Overview"),), (to_board(INTERNALS, "Service internals"),)
    text = "Share of the slots that run a job. Near 100 % is full use; with a growing queue it is too few slots."
    drain = "How long the waiting jobs take at the pace of the visible range, if none is added."
    add_row(
        board,
        "Utilisation: slots that run a job",
        stat_panel(
            Face("Workers", "Workers seen within 30 s.", NO_DATA, "none", 4, 4, ((None, "red"), (1, "green"))),
            Query("max(ml_workers_up)", "Workers"),
        ),
        stat_panel(
            Face("Slots", "Jobs that all workers can run at once.", NO_WORKER, "none", 4, 4, BLUE, links=below),
            Query(SLOTS, "Slots"),
        ),
        stat_panel(
            Face("Busy", "Slots that run a job now.", NO_WORKER, "none", 4, 4, BLUE, links=above), Query(BUSY, "Busy")
        ),
        gauge_panel(
            Face("Utilisation", text, NO_WORKER, "percentunit", 4, 4, busy, maximum=1, decimals=0),
            Query(share(BUSY, SLOTS), "Utilisation"),
        ),
        stat_panel(
            Face("Jobs waiting", "Due jobs that no worker has taken yet.", NO_DATA, "none", 4, 4, BLUE, links=above),
            Query(DUE, "Waiting"),
        ),
        stat_panel(
            Face("Time to drain", drain, "no job ended", "s", 4, 4, BLUE),
            Query(f"{share(DUE, f'sum(increase(ml_jobs_total[{RANGE}]))')} * $__range_s", "Time to drain"),
        ),
        time_series_panel(
            Face("Slots and how many are busy", "Of all living workers together.", NO_WORKER, "none", 12),
            Query(SLOTS, "slots"),
            Query(BUSY, "busy"),
        ),
        time_series_panel(
            Face("Busy slots by worker", "At most 20 workers, the busiest in this range.", NO_WORKER, "none", 12),
            Query(bounded("ml_worker_busy_slots", "worker"), "{{worker}}"),
        ),
    )


def _queue(board: Builder) -> None:
    oldest = "How long the oldest due job has been due; above the line BacklogGrowing fires if the queue also grows."
    now = f"max by (job_type, status) (ml_jobs_current{{{OF_TYPE}}})"
    add_row(
        board,
        "Saturation: what waits",
        time_series_panel(
            Face("Queue depth", "Due jobs in the database; permits to run one job in the broker.", NO_DATA, "none", 7),
            Query("max by (queue) (ml_queue_depth)", "{{queue}}"),
        ),
        time_series_panel(
            Face("Oldest due job", oldest, NO_DATA, "s", 7, steps=((None, "green"), (300, "red"))),
            Query("max(ml_queue_oldest_seconds)", "oldest"),
            limits=True,
        ),
        time_series_panel(
            Face("Jobs now", "Jobs PENDING and RUNNING, by type.", NO_DATA, "none", 10),
            Query(now, "{{job_type}} {{status}}"),
        ),
    )


def _waits(board: Builder) -> None:
    wait = f"ml_queue_wait_seconds{{{OF_TYPE}}}"
    limit: Steps = ((None, "green"), (WAIT_SECONDS, "red"))
    text = "From acceptance to the first start, of the jobs started in each minute."
    none = "no job started"
    add_row(
        board,
        "Waits",
        time_series_panel(
            Face("Wait, all types together", text, none, "s", 12, steps=limit, interval="1m"),
            *(Query(quantile(q, wait), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)),
            limits=True,
        ),
        time_series_panel(
            Face("Wait by type: 95 % at most", text, none, "s", 12, steps=limit, interval="1m"),
            Query(quantile(0.95, wait, by="job_type, le"), "{{job_type}}"),
            limits=True,
        ),
    )


def _errors(board: Builder) -> None:
    refused = "Writes of an attempt that no longer owned its job, refused: harmless one by one, a sign of lost leases."
    add_row(
        board,
        "Errors: what was lost or refused",
        _counted("Lost attempts", "Attempts charged to their job, by reason.", "ml_job_attempts_lost_total", "reason"),
        time_series_panel(
            Face("Late writes refused", refused, NO_DATA, "none", 8, 7, interval="1m", soft_maximum=1),
            Query(f"sum({in_window('ml_stale_writes_refused_total')})", "writes"),
        ),
        _counted("Jobs refused at the door", "By reason; of a batch, each.", "ml_jobs_rejected_total", "reason"),
        time_series_panel(
            Face(
                "Silence of workers",
                "Seconds since the last heartbeat, of the 20 workers that were silent longest. Lost after 30 s.",
                NO_WORKER, "s", 12, 7, ((None, "green"), (SILENT_SECONDS, "red")),
            ),
            Query(bounded("ml_worker_heartbeat_age_seconds", "worker"), "{{worker}}"),
            limits=True,
        ),
        timeline_panel(
            Face("Up or lost", "Of the 20 workers that were silent longest.", NO_WORKER, "none", 12, 7),
            Query("ml_worker_up and on(worker) " + most("ml_worker_heartbeat_age_seconds"), "{{worker}}"),
            words=UP,
        ),
    )  # fmt: skip


def _counted(title: str, text: str, counter: str, label: str) -> timeseries.Panel:
    face = Face(title, text, NO_DATA, "none", 8, 7, interval="1m", soft_maximum=1)
    return time_series_panel(face, Query(f"sum by ({label}) ({in_window(counter)})", f"{{{{{label}}}}}"))
