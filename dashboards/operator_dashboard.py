"""What all dashboards for operators share: data source, variables, annotations, links to each other, rows."""

from dashboards.grafana_sdk import (
    DashboardBuilder,
    bargauge,
    dashboard,
    dashboard_builders,
    gauge,
    stat,
    statetimeline,
    table,
    timeseries,
)
from dashboards.links import API_VARIABLE
from dashboards.panels import DATASOURCE, DATASOURCE_VARIABLE
from dashboards.promql import JOBS_FAILED, of_exporter_process

TAG = "ml-training"
API_URL = "http://localhost:8000"
NO_DATA = "no data"
# At least a minute, so that an event between two evaluations is in the window of one of them.
ANNOTATION_STEP = "60s"
ANNOTATIONS = (
    ("Failed jobs", f"sum by (job_type) (increase({JOBS_FAILED}[$__rate_interval])) > 0", "red", "{{job_type}}"),
    ("API restarts", "resets(ml_service_uptime_seconds[$__rate_interval]) > 0", "orange", "stopped or started again"),
    (
        "Exporter restarts",
        of_exporter_process("changes(process_start_time_seconds[$__rate_interval]) > 0"),
        "blue",
        "{{instance}}",
    ),
)
Panel = bargauge.Panel | gauge.Panel | stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel


def new_dashboard(uid: str, title: str, description: str) -> DashboardBuilder:
    """A dashboard for operators without panels; its only variable so far is the data source."""
    builder = DashboardBuilder(title).uid(uid).description(description).tags([TAG, "operators"]).readonly()
    builder.refresh("10s").time("now-6h", "now").timezone("browser").tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    builder.with_variable(
        dashboard_builders.DatasourceVariable(DATASOURCE_VARIABLE).label("Prometheus").type("prometheus")
    )
    for name, expression, color, text in ANNOTATIONS:
        annotation = (
            dashboard_builders.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True).icon_color(color)
        )
        builder.annotation(annotation.expr(expression).step(ANNOTATION_STEP).title_format(name).text_format(text))
    others = dashboard_builders.DashboardLink("Dashboards").type(dashboard.DashboardLinkType.DASHBOARDS)
    return builder.link(others.tags([TAG]).as_dropdown(True).include_vars(True).keep_time(True))


def add_multi_choice_variable(
    builder: DashboardBuilder, name: str, label: str, metric: str, *, chosen: str | None = None
) -> None:
    """Add a variable to choose values of the label `name` of `metric`, at first `chosen` or all.

    `label` is its caption. Use it in a query as `name=~"$name"`.
    """
    first = dashboard.VariableOption(selected=True, text=[chosen or "All"], value=[chosen or "$__all"])
    variable = _label_values(name, label, metric).sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    builder.with_variable(variable.multi(True).include_all(True).all_value(".+").current(first))


def add_single_choice_variable(builder: DashboardBuilder, name: str, label: str, metric: str) -> None:
    """Add a variable to choose one value of a label with numeric values, the highest first."""
    builder.with_variable(_label_values(name, label, metric).sort(dashboard.VariableSort.NUMERICAL_DESC))


def add_api_url_variable(builder: DashboardBuilder) -> None:
    """Add a variable for the API's URL, as the operator's browser reaches it."""
    variable = dashboard_builders.TextBoxVariable(API_VARIABLE).label("API").default_value(API_URL)
    builder.with_variable(variable.current(dashboard.VariableOption(text=API_URL, value=API_URL)))


def add_row(builder: DashboardBuilder, title: str, *panels: Panel) -> None:
    """Add a row of panels that an operator can collapse."""
    builder.with_row(dashboard_builders.Row(title))
    for panel in panels:
        builder.with_panel(panel)


def _label_values(name: str, label: str, metric: str) -> dashboard_builders.QueryVariable:
    query = f"label_values({metric}, {name})"
    variable = dashboard_builders.QueryVariable(name).label(label).datasource(DATASOURCE).definition(query)
    variable.query({"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
    return variable.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
