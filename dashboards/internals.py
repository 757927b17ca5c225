"""The dashboard of the service itself: API by route, connections, storage, memory of each process, exporter."""

from dashboards.exporter_rows import add_exporter_metrics_row, add_exporter_process_row
from dashboards.grafana_sdk import DashboardBuilder, bargauge, dashboard
from dashboards.links import INTERNALS
from dashboards.operator_dashboard import NO_DATA, add_multi_choice_variable, add_row, new_dashboard
from dashboards.panels import (
    BLUE,
    PanelOptions,
    PanelQuery,
    bar_gauge_panel,
    stat_panel,
    time_series_panel,
    timeline_panel,
)
from dashboards.promql import MAX_BARS, MAX_SERIES, VISIBLE_RANGE, limit_series, quantile, rate_per_second, ratio
from dashboards.table_panel import TableColumn, table_panel
from dashboards.value_labels import CODE_COLORS, UP

OF_ROUTE = 'route=~"$route"'
REQUESTS = f"ml_api_requests_total{{{OF_ROUTE}}}"
REQUEST_DURATION = f"ml_api_request_duration_seconds{{{OF_ROUTE}}}"
FREE_BYTES = "min(ml_storage_free_bytes)"
LOW_DISK_BYTES = 5 * 2**30  # below this DiskSpaceLow fires
NO_REQUEST = "no request"
WAITS = "With the waits that callers ask for by ?wait=, which are not slowness."


def build() -> dashboard.Dashboard:
    """The dashboard; its panels have no ids yet."""
    description = "The API by route, connections and storage, the memory of every process, and the exporter itself."
    builder = new_dashboard(INTERNALS, "ML Training: Service internals", description)
    add_multi_choice_variable(builder, "route", "Route", "ml_api_requests_total")
    for add in (
        _add_api_row,
        _add_connections_row,
        _add_storage_row,
        add_exporter_metrics_row,
        add_exporter_process_row,
    ):
        add(builder)
    return builder.build()


def _add_api_row(builder: DashboardBuilder) -> None:
    failed = f'ml_api_requests_total{{{OF_ROUTE}, code=~"5.."}}'
    busiest = f"topk({MAX_SERIES}, sum by (route) (increase({REQUESTS}[{VISIBLE_RANGE}] @ end())))"
    errors = "Answers with a code from 500 on. 503 means that the database is away; others are faults."
    add_row(
        builder,
        "API: rate, errors, duration",
        time_series_panel(
            PanelOptions(
                title="Requests",
                description="A second, by route; at most 20, the busiest in this range.",
                no_value=NO_REQUEST,
                unit="reqps",
                width=12,
            ),
            PanelQuery(f"sum by (route) ({rate_per_second(REQUESTS)}) and on(route) {busiest}", "{{route}}"),
        ),
        time_series_panel(
            PanelOptions(
                title="Answers", description="A second, by status code.", no_value=NO_REQUEST, unit="reqps", width=12
            ),
            PanelQuery(f"sum by (code) ({rate_per_second(REQUESTS)})", "{{code}}"),
            colors=CODE_COLORS,
        ),
        time_series_panel(
            PanelOptions(
                title="Error ratio",
                description=errors,
                no_value=NO_REQUEST,
                unit="percentunit",
                width=6,
                min_interval="1m",
                soft_maximum=0.1,
            ),
            PanelQuery(
                ratio(f"(sum({rate_per_second(failed)}) or vector(0))", f"sum({rate_per_second(REQUESTS)})"), "5xx"
            ),
        ),
        time_series_panel(
            PanelOptions(
                title="Duration",
                description=f"Of the requests of each minute. {WAITS}",
                no_value=NO_REQUEST,
                unit="s",
                width=8,
                min_interval="1m",
            ),
            *(PanelQuery(quantile(q, REQUEST_DURATION), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99)),
        ),
        _slow_routes_bars(),
    )


def _slow_routes_bars() -> bargauge.Panel:
    return bar_gauge_panel(
        PanelOptions(
            title="95 % took at most",
            description=f"By route, the 10 slowest in this range. {WAITS}",
            no_value=NO_REQUEST,
            unit="s",
            width=10,
            height=8,
            thresholds=BLUE,
        ),
        PanelQuery(
            f"topk({MAX_BARS}, {quantile(0.95, REQUEST_DURATION, window=VISIBLE_RANGE, by='route, le')})",
            "{{route}}",
        ),
    )


def _add_connections_row(builder: DashboardBuilder) -> None:
    uptime = "Since it started; a fall is a restart, 0 is an API that says nothing."
    add_row(
        builder,
        "Connections and processes",
        timeline_panel(
            PanelOptions(
                title="Database and broker",
                description="Whether the exporter reaches them.",
                no_value=NO_DATA,
                width=12,
                height=7,
            ),
            PanelQuery("min(ml_db_connected)", "database"),
            PanelQuery("min(ml_broker_connected)", "broker"),
            value_labels=UP,
        ),
        time_series_panel(
            PanelOptions(title="API uptime", description=uptime, no_value=NO_DATA, unit="s", width=12, height=7),
            PanelQuery("max(ml_service_uptime_seconds)", "API"),
        ),
        time_series_panel(
            PanelOptions(
                title="Memory",
                description="Resident; at most 20 processes, the largest in this range.",
                no_value=NO_DATA,
                unit="bytes",
                width=12,
            ),
            PanelQuery(limit_series("ml_process_resident_memory_bytes", "process"), "{{process}}"),
        ),
        table_panel(
            PanelOptions(
                title="Build",
                description="What is running: version, revision of the code, Python.",
                no_value=NO_DATA,
                width=12,
            ),
            TableColumn(PanelQuery("max by (version, revision, python) (ml_build_info)", "Exporters")),
            labels={"version": "Version", "revision": "Revision", "python": "Python"},
            descending="Version",
            links={},
            widths={"Version": 90, "Revision": 330, "Python": 90},
        ),
    )


def _add_storage_row(builder: DashboardBuilder) -> None:
    free = "Free bytes of the data directory's file system; below 5 GiB DiskSpaceLow fires."
    no_value = "maintenance does not run"
    add_row(
        builder,
        "Storage",
        stat_panel(
            PanelOptions(
                title="Free",
                description=free,
                no_value=no_value,
                unit="bytes",
                width=4,
                height=7,
                thresholds=((None, "red"), (LOW_DISK_BYTES, "green")),
                decimals=1,
            ),
            PanelQuery(FREE_BYTES, "Free"),
        ),
        time_series_panel(
            PanelOptions(
                title="Free over time",
                description=free,
                no_value=no_value,
                unit="bytes",
                width=10,
                height=7,
                thresholds=((None, "transparent"), (LOW_DISK_BYTES, "red")),
            ),
            PanelQuery(FREE_BYTES, "free"),
            threshold_lines=True,
        ),
        time_series_panel(
            PanelOptions(
                title="Stored",
                description="Data sets (uploads and indexes) and artifacts of models.",
                no_value=NO_DATA,
                unit="bytes",
                width=10,
                height=7,
            ),
            PanelQuery("max(ml_dataset_bytes)", "data sets"),
            PanelQuery("max(ml_artifact_bytes)", "artifacts"),
        ),
    )
