"""The rows about the exporter: how fresh and complete its page is, and what its process uses."""

from dashboards.board import NO_DATA, Builder, add_row
from dashboards.panels import Face, Query, Steps, stat_panel, time_series_panel, timeline_panel
from dashboards.queries import in_window, of_exporter, per_second
from dashboards.sdk import timeseries
from dashboards.states import WORKS

FULL: Steps = ((None, "green"), (0.8, "red"))
OLD_SECONDS, LATE_SECONDS = 60, 5
"""From these on SnapshotStale and EventLag fire."""


def add_exporter(board: Builder) -> None:
    """How fresh and complete the metrics are."""
    old: Steps = ((None, "green"), (OLD_SECONDS, "red"))
    late: Steps = ((None, "green"), (LATE_SECONDS, "red"))
    age = "Age of what the database said. Per-job series go when it passes 60 s."
    lag = "The longest way of an event to the exporter in the last minute; events only make news faster."
    dropped = "Series left out by the limits on jobs, workers and the page, in each minute."
    add_row(
        board,
        "Exporter: is the page fresh and complete?",
        time_series_panel(
            Face("Snapshot age", age, NO_DATA, "s", 8, steps=old),
            Query("max(ml_exporter_snapshot_age_seconds)", "age"),
            limits=True,
        ),
        time_series_panel(
            Face("Event lag", lag, "no event in the last minute", "s", 8, steps=late),
            Query("max(ml_event_lag_seconds)", "lag"),
            limits=True,
        ),
        _counted("Series dropped", dropped, "sum({})", "ml_exporter_series_dropped_total", "series", width=8),
        timeline_panel(
            Face("Collectors", "Whether the last run of each succeeded.", NO_DATA, "none", 12, 9),
            Query("min by (collector) (ml_exporter_collector_success)", "{{collector}}"),
            words=WORKS,
        ),
        time_series_panel(
            Face("Time of collectors", "Duration of the last run of each.", NO_DATA, "s", 12, 9),
            Query("max by (collector) (ml_exporter_collector_duration_seconds)", "{{collector}}"),
        ),
        _counted("Events", "Events in each minute.", "sum by (type) ({})", "ml_events_received_total", "{{type}}"),
        _counted("Event gaps", "How often the channel broke.", "sum({})", "ml_exporter_event_gaps_total", "gaps"),
    )


def add_exporter_process(board: Builder) -> None:
    """What the exporter's process uses."""
    descriptors = of_exporter("process_open_fds / process_max_fds")
    add_row(
        board,
        "Exporter: its process",
        stat_panel(
            Face(
                "File descriptors", "Share of those that may be open.", NO_DATA, "percentunit", 4, 7, FULL, decimals=2
            ),
            Query(f"max({descriptors})", "open"),
        ),
        time_series_panel(
            Face("Memory of the exporter", "Resident and virtual.", NO_DATA, "bytes", 10, 7),
            Query(of_exporter("process_resident_memory_bytes"), "resident"),
            Query(of_exporter("process_virtual_memory_bytes"), "virtual"),
        ),
        time_series_panel(
            Face("CPU of the exporter", "100 % is one core; its own limit is 30 %.", NO_DATA, "percentunit", 10, 7),
            Query(of_exporter(per_second("process_cpu_seconds_total")), "CPU"),
        ),
    )


def _counted(title: str, text: str, total: str, counter: str, legend: str, *, width: int = 12) -> timeseries.Panel:
    face = Face(title, text, NO_DATA, "none", width, interval="1m", soft_maximum=1)
    return time_series_panel(face, Query(total.format(in_window(counter)), legend))
