"""Functions that build each kind of Grafana panel with the defaults that all dashboards of this project share."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeVar

from dashboards.grafana_sdk import (
    bargauge,
    common,
    common_builders,
    dashboard,
    dashboard_builders,
    gauge,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from dashboards.links import Link

DATASOURCE_VARIABLE = "DS_PROMETHEUS"
DATASOURCE = common.DataSourceRef(type_val="prometheus", uid=f"${{{DATASOURCE_VARIABLE}}}")
PanelT = TypeVar("PanelT", bargauge.Panel, gauge.Panel, stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)
Thresholds = tuple[tuple[float | None, str], ...]
"""Colours by value, lowest first: `((None, "green"), (0.8, "red"))` is green below 0.8 and red from 0.8 on."""
BLUE: Thresholds = ((None, "blue"),)  # for values that are neither good nor bad
ValueLabels = Mapping[str, tuple[str, str]]
"""What to show instead of a value: `{"0": ("down", "red"), "1": ("up", "green")}`. Grafana: value mappings."""
SeriesColors = Mapping[str, str]
"""Line colour by a regular expression of the line's name: `{"5..": "red"}`. Lines of one colour get shades of it."""
WIDE = 10  # grid cells; from this width on, the legend of several lines is to the right of the graph
BRIDGED_MS = 10 * 60 * 1000  # a gap in a line up to this length is drawn through
BAR_TITLE, BAR_VALUE = 12, 15  # pixels; without them the text size would depend on the number of bars


@dataclass(frozen=True)
class PanelQuery:
    """One PromQL expression; `legend` names its lines and may contain labels: `"Job {{job_id}}"`."""

    expression: str
    legend: str


@dataclass(frozen=True, kw_only=True)
class PanelOptions:
    """The text, unit, size, colours and axis of a panel. Width and height are grid cells; a row of Grafana has 24.

    Example: a quarter of a row, red from 300 s on, axis from 0 s to 600 s.

        PanelOptions(
            title="Oldest due job",
            description="How long the oldest due job has been due.",
            no_value="no data",
            unit="s",
            width=6,
            thresholds=((None, "green"), (300, "red")),
            maximum=600,
        )
    """

    title: str
    description: str
    no_value: str  # shown when the query returns nothing
    unit: str = "none"  # an id of Grafana: s, bytes, percent (0-100), percentunit (0-1), reqps, suffix:/min
    width: int
    height: int = 8
    thresholds: Thresholds = ((None, "green"),)
    minimum: float | None = 0
    maximum: float | None = None
    links: tuple[Link, ...] = ()
    decimals: int | None = None
    min_interval: str | None = None  # shortest step, hence shortest rate window; "1m" suits rare events
    soft_minimum: float | None = None  # the axis begins here, or lower if a value is lower
    soft_maximum: float | None = None


def gauge_panel(options: PanelOptions, query: PanelQuery, *, value_labels: ValueLabels | None = None) -> gauge.Panel:
    """A gauge of the latest value."""
    panel = with_options(gauge.Panel(), options).with_target(target(query, 0).instant())
    if value_labels:
        panel.mappings(value_mappings(value_labels))
    return panel.reduce_options(_latest_value())


def stat_panel(options: PanelOptions, query: PanelQuery, *, value_labels: ValueLabels | None = None) -> stat.Panel:
    """The latest value as a number."""
    panel = with_options(stat.Panel(), options).with_target(target(query, 0).instant())
    panel.decimals(0 if options.decimals is None else options.decimals)
    if value_labels:
        panel.mappings(value_mappings(value_labels))
    return panel.reduce_options(_latest_value()).graph_mode(common.BigValueGraphMode.NONE)


def bar_gauge_panel(options: PanelOptions, *queries: PanelQuery) -> bargauge.Panel:
    """One bar for each series that the queries return now."""
    panel = with_options(bargauge.Panel(), options).orientation(common.VizOrientation.HORIZONTAL)
    for index, query in enumerate(queries):
        panel.with_target(target(query, index).instant())
    panel.name_placement(common.BarGaugeNamePlacement.LEFT)
    panel.text(common_builders.VizTextDisplayOptions().title_size(BAR_TITLE).value_size(BAR_VALUE))
    return panel.reduce_options(_latest_value()).display_mode(common.BarGaugeDisplayMode.BASIC)


def time_series_panel(
    options: PanelOptions, *queries: PanelQuery, threshold_lines: bool = False, colors: SeriesColors | None = None
) -> timeseries.Panel:
    """Lines over time; the legend shows last and highest values. `threshold_lines` draws the thresholds as dashes."""
    panel = with_options(timeseries.Panel(), options)
    for index, query in enumerate(queries):
        panel.with_target(target(query, index).range())
    if threshold_lines:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel.thresholds_style(style)
    for pattern, color in (colors or {}).items():
        panel.override_by_regexp(pattern, [_shades_of(color)])
    if options.soft_minimum is not None:
        panel.axis_soft_min(options.soft_minimum)
    if options.soft_maximum is not None:
        panel.axis_soft_max(options.soft_maximum)
    if options.min_interval is not None:
        panel.span_nulls(BRIDGED_MS)  # a step without events has no quantile; draw the line through it
    has_many_lines = any("topk(" in query.expression for query in queries)  # filled areas would hide each other
    tooltip = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    tooltip.sort(common.SortOrder.DESCENDING)
    palette = dashboard_builders.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC)
    panel.legend(_legend_right(options) if has_many_lines or _fits_legend_right(options, queries) else _legend_below())
    return panel.tooltip(tooltip).color_scheme(palette).line_width(1).fill_opacity(0 if has_many_lines else 10)


def timeline_panel(options: PanelOptions, *queries: PanelQuery, value_labels: ValueLabels) -> statetimeline.Panel:
    """The state of each series over time, as coloured bars."""
    panel = with_options(statetimeline.Panel(), options)
    for index, query in enumerate(queries):
        panel.with_target(target(query, index).range())
    panel.mappings(value_mappings(value_labels)).merge_values(True).show_value(common.VisibilityMode.AUTO)
    return panel.row_height(0.8)


def with_options(panel: PanelT, options: PanelOptions) -> PanelT:
    """`panel` with the texts, unit, size, thresholds and links of `options`."""
    steps = [dashboard.Threshold(value=value, color=color) for value, color in options.thresholds]
    thresholds = dashboard_builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)
    panel.title(options.title).description(options.description).no_value(options.no_value).unit(options.unit)
    panel.span(options.width).height(options.height).datasource(DATASOURCE).thresholds(thresholds)
    if options.minimum is not None:
        panel.min(options.minimum)
    if options.maximum is not None:
        panel.max(options.maximum)
    if options.decimals is not None:
        panel.decimals(options.decimals)
    if options.min_interval is not None:
        panel.interval(options.min_interval)
    if options.links:
        panel.data_links([_link(link) for link in options.links])
    return panel


def target(query: PanelQuery, index: int) -> prometheus.Dataquery:
    """The query in Grafana's form; `index` is its position in the panel, from 0."""
    dataquery = prometheus.Dataquery().expr(query.expression).legend_format(query.legend)
    return dataquery.ref_id(ascii_uppercase[index]).datasource(DATASOURCE)


def value_mappings(value_labels: ValueLabels) -> list[dashboard.ValueMapping]:
    """The labels in Grafana's form."""
    results = {
        value: dashboard.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(value_labels.items())
    }
    return [dashboard.ValueMap(options=results)]


def _fits_legend_right(options: PanelOptions, queries: tuple[PanelQuery, ...]) -> bool:
    """Whether the panel is wide enough for a legend on the right, and has several lines to list there."""
    return options.width >= WIDE and (len(queries) > 1 or "{{" in queries[0].legend)


def _legend_right(options: PanelOptions) -> common_builders.VizLegendOptions:
    """A table with the highest line first: below a graph Grafana would give the legend only a third of the height."""
    legend = common_builders.VizLegendOptions().show_legend(True).sort_desc(True)
    legend.placement(common.LegendPlacement.RIGHT).display_mode(common.LegendDisplayMode.TABLE)
    if options.width < WIDE:
        return legend.calcs(["lastNotNull"]).sort_by("Last *")
    return legend.calcs(["lastNotNull", "max"]).sort_by("Max")


def _legend_below() -> common_builders.VizLegendOptions:
    legend = common_builders.VizLegendOptions().show_legend(True).calcs(["lastNotNull", "max"])
    return legend.placement(common.LegendPlacement.BOTTOM).display_mode(common.LegendDisplayMode.LIST)


def _shades_of(color: str) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue(id_val="color", value={"mode": "shades", "fixedColor": color})


def _link(link: Link) -> dashboard_builders.DashboardLink:
    return dashboard_builders.DashboardLink(link.title).url(link.url).target_blank(link.new_tab)


def _latest_value() -> common_builders.ReduceDataOptions:
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
