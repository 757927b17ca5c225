"""The rows about the exporter: whether its metrics are fresh and complete, and the resources of its process."""

from dashboards.grafana_sdk import DashboardBuilder, timeseries
from dashboards.operator_dashboard import NO_DATA, add_row
from dashboards.panels import PanelOptions, PanelQuery, Thresholds, stat_panel, time_series_panel, timeline_panel
from dashboards.promql import increase_per_step, of_exporter_process, rate_per_second
from dashboards.value_labels import SUCCESS

RED_FROM_80_PERCENT: Thresholds = ((None, "green"), (0.8, "red"))
STALE_SECONDS, LAG_SECONDS = 60, 5
"""Above these the alerts SnapshotStale and EventLag fire."""


def add_exporter_metrics_row(builder: DashboardBuilder) -> None:
    """Add the row that shows whether the metrics are fresh and complete."""
    stale: Thresholds = ((None, "green"), (STALE_SECONDS, "red"))
    late: Thresholds = ((None, "green"), (LAG_SECONDS, "red"))
    age = "Age of what the database said. Per-job series go when it passes 60 s."
    lag = "The longest way of an event to the exporter in the last minute; events only make news faster."
    dropped = "Series left out by the limits on jobs, workers and the page, in each minute."
    add_row(
        builder,
        "Exporter: is the page fresh and complete?",
        time_series_panel(
            PanelOptions(title="Snapshot age", description=age, no_value=NO_DATA, unit="s", width=8, thresholds=stale),
            PanelQuery("max(ml_exporter_snapshot_age_seconds)", "age"),
            threshold_lines=True,
        ),
        time_series_panel(
            PanelOptions(
                title="Event lag",
                description=lag,
                no_value="no event in the last minute",
                unit="s",
                width=8,
                thresholds=late,
            ),
            PanelQuery("max(ml_event_lag_seconds)", "lag"),
            threshold_lines=True,
        ),
        _increase_panel("Series dropped", dropped, "sum({})", "ml_exporter_series_dropped_total", "series", width=8),
        timeline_panel(
            PanelOptions(
                title="Collectors",
                description="Whether the last run of each succeeded.",
                no_value=NO_DATA,
                width=12,
                height=9,
            ),
            PanelQuery("min by (collector) (ml_exporter_collector_success)", "{{collector}}"),
            value_labels=SUCCESS,
        ),
        time_series_panel(
            PanelOptions(
                title="Time of collectors",
                description="Duration of the last run of each.",
                no_value=NO_DATA,
                unit="s",
                width=12,
                height=9,
            ),
            PanelQuery("max by (collector) (ml_exporter_collector_duration_seconds)", "{{collector}}"),
        ),
        _increase_panel(
            "Events", "Events in each minute.", "sum by (type) ({})", "ml_events_received_total", "{{type}}"
        ),
        _increase_panel(
            "Event gaps", "How often the channel broke.", "sum({})", "ml_exporter_event_gaps_total", "gaps"
        ),
    )


def add_exporter_process_row(builder: DashboardBuilder) -> None:
    """Add the row with the memory, CPU and file descriptors of the exporter's process."""
    descriptors = of_exporter_process("process_open_fds / process_max_fds")
    add_row(
        builder,
        "Exporter: its process",
        stat_panel(
            PanelOptions(
                title="File descriptors",
                description="Share of those that may be open.",
                no_value=NO_DATA,
                unit="percentunit",
                width=4,
                height=7,
                thresholds=RED_FROM_80_PERCENT,
                decimals=2,
            ),
            PanelQuery(f"max({descriptors})", "open"),
        ),
        time_series_panel(
            PanelOptions(
                title="Memory of the exporter",
                description="Resident and virtual.",
                no_value=NO_DATA,
                unit="bytes",
                width=10,
                height=7,
            ),
            PanelQuery(of_exporter_process("process_resident_memory_bytes"), "resident"),
            PanelQuery(of_exporter_process("process_virtual_memory_bytes"), "virtual"),
        ),
        time_series_panel(
            PanelOptions(
                title="CPU of the exporter",
                description="100 % is one core; its own limit is 30 %.",
                no_value=NO_DATA,
                unit="percentunit",
                width=10,
                height=7,
            ),
            PanelQuery(of_exporter_process(rate_per_second("process_cpu_seconds_total")), "CPU"),
        ),
    )


def _increase_panel(
    title: str, description: str, total: str, counter: str, legend: str, *, width: int = 12
) -> timeseries.Panel:
    options = PanelOptions(
        title=title, description=description, no_value=NO_DATA, width=width, min_interval="1m", soft_maximum=1
    )
    return time_series_panel(options, PanelQuery(total.format(increase_per_step(counter)), legend))
