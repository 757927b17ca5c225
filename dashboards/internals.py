"""The service itself: the API by route, connections and storage, memory of every process, and the exporter."""

from dashboards.board import NO_DATA, Builder, add_choice, add_row, new_board
from dashboards.exporter_rows import add_exporter, add_exporter_process
from dashboards.links import INTERNALS
from dashboards.panels import Face, Query, Steps, bar_gauge_panel, stat_panel, time_series_panel, timeline_panel
from dashboards.queries import BARS, LINES, RANGE, bounded, per_second, quantile, share
from dashboards.sdk import dashboard
from dashboards.states import CODE_COLORS, UP
from dashboards.tables import Column, table_panel

OF_ROUTE = 'route=~"$route"'
REQUESTS = f"ml_api_requests_total{{{OF_ROUTE}}}"
SECONDS = f"ml_api_request_duration_seconds{{{OF_ROUTE}}}"
FREE = "min(ml_storage_free_bytes)"
QUIET = "no request"
BLUE: Steps = ((None, "blue"),)


def build() -> dashboard.Dashboard:
    """The dashboard, panels without ids."""
    text = "The API by route, connections and storage, the memory of every process, and the exporter itself."
    board = new_board(INTERNALS, "ML Training: Service internals", text)
    add_choice(board, "route", "Route", "ml_api_requests_total")
    for add in (_api, _connections, _storage, add_exporter, add_exporter_process):
        add(board)
    return board.build()


def _api(board: Builder) -> None:
    failed = f'ml_api_requests_total{{{OF_ROUTE}, code=~"5.."}}'
    busiest = f"topk({LINES}, sum by (route) (increase({REQUESTS}[{RANGE}] @ end())))"
    text = "Answers with a code from 500 on. 503 means that the database is away; others are faults."
    waits = "With the waits that callers ask for by ?wait=, which are not slowness."
    add_row(
        board,
        "API: rate, errors, duration",
        time_series_panel(
            Face("Requests", "A second, by route; at most 20, the busiest in this range.", QUIET, "reqps", 12),
            Query(f"sum by (route) ({per_second(REQUESTS)}) and on(route) {busiest}", "{{route}}"),
        ),
        time_series_panel(
            Face("CheckCache", "A second, by status code.", QUIET, "reqps", 12),
            Query(f"sum by (code) ({per_second(REQUESTS)})", "{{code}}"),
            colors=CODE_COLORS,
        ),
        time_series_panel(
            Face("Error ratio", text, QUIET, "percentunit", 6, interval="1m", soft_maximum=0.1),
            Query(share(f"(sum({per_second(failed)}) or vector(0))", f"sum({per_second(REQUESTS)})"), "5xx"),
        ),
        time_series_panel(
            Face("Duration", f"Of the requests of each minute. {waits}", QUIET, "s", 8, interval="1m"),
            *(Query(quantile(q, SECONDS), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)),
        ),
        bar_gauge_panel(
            Face("95 % took at most", f"By route, the 10 slowest in this range. {waits}", QUIET, "s", 10, 8, BLUE),
            Query(f"topk({BARS}, {quantile(0.95, SECONDS, window=RANGE, by='route, le')})", "{{route}}"),
        ),
    )


def _connections(board: Builder) -> None:
    uptime = "Since it started; a fall is a restart, 0 is an API that says nothing."
    add_row(
        board,
        "Connections and processes",
        timeline_panel(
            Face("Database and broker", "Whether the exporter reaches them.", NO_DATA, "none", 12, 7),
            Query("min(ml_db_connected)", "database"),
            Query("min(ml_broker_connected)", "broker"),
            words=UP,
        ),
        time_series_panel(
            Face("API uptime", uptime, NO_DATA, "s", 12, 7), Query("max(ml_service_uptime_seconds)", "API")
        ),
        time_series_panel(
            Face("Memory", "Resident; at most 20 processes, the largest in this range.", NO_DATA, "bytes", 12),
            Query(bounded("ml_process_resident_memory_bytes", "process"), "{{process}}"),
        ),
        table_panel(
            Face("Build", "What is running: version, revision of the code, Python.", NO_DATA, "none", 12),
            Column(Query("max by (version, revision, python) (ml_build_info)", "Exporters")),
            labels={"version": "Version", "revision": "Revision", "python": "Python"},
            descending="Version",
            links={},
            widths={"Version": 90, "Revision": 330, "Python": 90},
        ),
    )


def _storage(board: Builder) -> None:
    free = "Free bytes of the data directory's file system; below 5 GiB DiskSpaceLow fires."
    little: Steps = ((None, "red"), (5 * 2**30, "green"))
    none = "maintenance does not run"
    add_row(
        board,
        "Storage",
        stat_panel(Face("Free", free, none, "bytes", 4, 7, little, decimals=1), Query(FREE, "Free")),
        time_series_panel(
            Face("Free over time", free, none, "bytes", 10, 7, ((None, "transparent"), (5 * 2**30, "red"))),
            Query(FREE, "free"),
            limits=True,
        ),
        time_series_panel(
            Face("Stored", "Data sets (uploads and indexes) and artifacts of models.", NO_DATA, "bytes", 10, 7),
            Query("max(ml_dataset_bytes)", "data sets"),
            Query("max(ml_artifact_bytes)", "artifacts"),
        ),
    )
