"""The frame that the operators' dashboards share: data source, variables, annotations, links to each other, rows."""

from dashboards.links import API_VARIABLE
from dashboards.panels import DATASOURCE, DATASOURCE_VARIABLE
from dashboards.queries import JOBS_FAILED, of_exporter
from dashboards.sdk import bargauge, dashboard, dashboard_builders, gauge, stat, statetimeline, table, timeseries

TAG = "ml-training"
API_URL = "http://localhost:8000"
NO_DATA = "no data"
# A minute at least, so that what happened between two evaluations falls into the window of one of them.
ANNOTATION_STEP = "60s"
ANNOTATIONS = (
    ("Failed jobs", f"sum by (job_type) (increase({JOBS_FAILED}[$__rate_interval])) > 0", "red", "{{job_type}}"),
    ("API restarts", "resets(ml_service_uptime_seconds[$__rate_interval]) > 0", "orange", "stopped or started again"),
    (
        "Exporter restarts",
        of_exporter("changes(process_start_time_seconds[$__rate_interval]) > 0"),
        "blue",
        "{{instance}}",
    ),
)  # fmt: skip
Builder = dashboard_builders.Dashboard
Panel = bargauge.Panel | gauge.Panel | stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel


def new_board(uid: str, title: str, description: str) -> Builder:
    """An operators' dashboard without panels; its one variable so far is the data source."""
    board = Builder(title).uid(uid).description(description).tags([TAG, "operators"]).readonly()
    board.refresh("10s").time("now-6h", "now").timezone("browser").tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    board.with_variable(
        dashboard_builders.DatasourceVariable(DATASOURCE_VARIABLE).label("Prometheus").type("prometheus")
    )
    for name, expression, color, text in ANNOTATIONS:
        note = dashboard_builders.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True).icon_color(color)
        board.annotation(note.expr(expression).step(ANNOTATION_STEP).title_format(name).text_format(text))
    others = dashboard_builders.DashboardLink("Dashboards").type(dashboard.DashboardLinkType.DASHBOARDS)
    return board.link(others.tags([TAG]).as_dropdown(True).include_vars(True).keep_time(True))


def add_choice(board: Builder, name: str, label: str, metric: str, *, chosen: str | None = None) -> None:
    """A variable to choose some or all values of a label of `metric`, at first `chosen`; use as `name=~"$name"`."""
    first = dashboard.VariableOption(selected=True, text=[chosen or "All"], value=[chosen or "$__all"])
    variable = _label_values(name, label, metric).sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    board.with_variable(variable.multi(True).include_all(True).all_value(".+").current(first))


def add_number(board: Builder, name: str, label: str, metric: str) -> None:
    """A variable to choose one value of a label that holds numbers, the highest first."""
    board.with_variable(_label_values(name, label, metric).sort(dashboard.VariableSort.NUMERICAL_DESC))


def add_api_url(board: Builder) -> None:
    """A variable for where the API is, as the operator's browser sees it."""
    variable = dashboard_builders.TextBoxVariable(API_VARIABLE).label("API").default_value(API_URL)
    board.with_variable(variable.current(dashboard.VariableOption(text=API_URL, value=API_URL)))


def add_row(board: Builder, title: str, *panels: Panel) -> None:
    """A row of panels that an operator can fold away."""
    board.with_row(dashboard_builders.Row(title))
    for panel in panels:
        board.with_panel(panel)


def _label_values(name: str, label: str, metric: str) -> dashboard_builders.QueryVariable:
    query = f"label_values({metric}, {name})"
    variable = dashboard_builders.QueryVariable(name).label(label).datasource(DATASOURCE).definition(query)
    variable.query({"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"})
    return variable.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
