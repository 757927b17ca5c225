"""The kinds of panel with the house's defaults, so that a dashboard only says what it shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeVar

from dashboards.links import Link
from dashboards.sdk import (
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

DATASOURCE_VARIABLE = "DS_PROMETHEUS"
DATASOURCE = common.DataSourceRef(type_val="prometheus", uid=f"${{{DATASOURCE_VARIABLE}}}")
PanelT = TypeVar(
    "PanelT", bargauge.Panel, gauge.Panel, stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel
)  # fmt: skip
Steps = tuple[tuple[float | None, str], ...]
Words = Mapping[str, tuple[str, str]]
"""What to show instead of a value: value as text -> (word, colour)."""
Colors = Mapping[str, str]
"""Colours of lines by a regular expression of their names; several lines of one colour get shades of it."""
WIDE = 10  # grid cells from which on a legend of several lines stands beside them
BRIDGED_MS = 10 * 60 * 1000
BAR_TITLE, BAR_VALUE = 12, 15  # pixels; else few bars have huge words and many have small ones


@dataclass(frozen=True)
class Query:
    """One PromQL expression and the name of its lines."""

    expression: str
    legend: str


@dataclass(frozen=True)
class Face:
    """What a reader sees of a panel: texts, unit, size in grid cells (24 a row), colours from which value on."""

    title: str
    description: str
    no_value: str
    unit: str
    width: int
    height: int = 8
    steps: Steps = ((None, "green"),)
    minimum: float | None = 0
    maximum: float | None = None
    links: tuple[Link, ...] = ()
    decimals: int | None = None
    interval: str | None = None  # the shortest step, hence window of a rate: for things that seldom happen
    soft_minimum: float | None = None  # the axis begins here, or lower if a value does
    soft_maximum: float | None = None


def gauge_panel(face: Face, query: Query, *, words: Words | None = None) -> gauge.Panel:
    """A gauge of the newest value."""
    panel = dressed(gauge.Panel(), face).with_target(target(query, 0).instant())
    if words:
        panel.mappings(value_maps(words))
    return panel.reduce_options(_newest())


def stat_panel(face: Face, query: Query, *, words: Words | None = None) -> stat.Panel:
    """The newest value as a number."""
    panel = dressed(stat.Panel(), face).with_target(target(query, 0).instant())
    panel.decimals(0 if face.decimals is None else face.decimals)
    if words:
        panel.mappings(value_maps(words))
    return panel.reduce_options(_newest()).graph_mode(common.BigValueGraphMode.NONE)


def bar_gauge_panel(face: Face, *queries: Query) -> bargauge.Panel:
    """One bar for each series of now."""
    panel = dressed(bargauge.Panel(), face).orientation(common.VizOrientation.HORIZONTAL)
    for index, query in enumerate(queries):
        panel.with_target(target(query, index).instant())
    panel.name_placement(common.BarGaugeNamePlacement.LEFT)
    panel.text(common_builders.VizTextDisplayOptions().title_size(BAR_TITLE).value_size(BAR_VALUE))
    return panel.reduce_options(_newest()).display_mode(common.BarGaugeDisplayMode.BASIC)


def time_series_panel(
    face: Face, *queries: Query, limits: bool = False, colors: Colors | None = None
) -> timeseries.Panel:
    """Lines over time with a legend of last and highest values; `limits` draws the thresholds as dashed lines."""
    panel = dressed(timeseries.Panel(), face)
    for index, query in enumerate(queries):
        panel.with_target(target(query, index).range())
    if limits:
        style = common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel.thresholds_style(style)
    for pattern, color in (colors or {}).items():
        panel.override_by_regexp(pattern, [_shades(color)])
    if face.soft_minimum is not None:
        panel.axis_soft_min(face.soft_minimum)
    if face.soft_maximum is not None:
        panel.axis_soft_max(face.soft_maximum)
    if face.interval is not None:
        panel.span_nulls(BRIDGED_MS)  # a step in which nothing happened has no quantile; the line goes on
    is_crowd = any("topk(" in query.expression for query in queries)  # the areas of twenty lines hide each other
    tooltip = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    tooltip.sort(common.SortOrder.DESCENDING)
    palette = dashboard_builders.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC)
    panel.legend(_legend_beside(face) if is_crowd or _is_wide(face, queries) else _legend_below())
    return panel.tooltip(tooltip).color_scheme(palette).line_width(1).fill_opacity(0 if is_crowd else 10)


def timeline_panel(face: Face, *queries: Query, words: Words) -> statetimeline.Panel:
    """Which state each series had when."""
    panel = dressed(statetimeline.Panel(), face)
    for index, query in enumerate(queries):
        panel.with_target(target(query, index).range())
    panel.mappings(value_maps(words)).merge_values(True).show_value(common.VisibilityMode.AUTO)
    return panel.row_height(0.8)


def dressed(panel: PanelT, face: Face) -> PanelT:
    """`panel` with the texts, unit, size, thresholds and links of `face`."""
    steps = [dashboard.Threshold(value=value, color=color) for value, color in face.steps]
    thresholds = dashboard_builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)
    panel.title(face.title).description(face.description).no_value(face.no_value).unit(face.unit)
    panel.span(face.width).height(face.height).datasource(DATASOURCE).thresholds(thresholds)
    if face.minimum is not None:
        panel.min(face.minimum)
    if face.maximum is not None:
        panel.max(face.maximum)
    if face.decimals is not None:
        panel.decimals(face.decimals)
    if face.interval is not None:
        panel.interval(face.interval)
    if face.links:
        panel.data_links([_link(link) for link in face.links])
    return panel


def target(query: Query, index: int) -> prometheus.Dataquery:
    """The panel's query number `index`, from 0."""
    asked = prometheus.Dataquery().expr(query.expression).legend_format(query.legend)
    return asked.ref_id(ascii_uppercase[index]).datasource(DATASOURCE)


def value_maps(words: Words) -> list[dashboard.ValueMapping]:
    """`words` as Grafana's value mappings."""
    results = {
        value: dashboard.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(words.items())
    }
    return [dashboard.ValueMap(options=results)]


def _is_wide(face: Face, queries: tuple[Query, ...]) -> bool:
    """Whether a legend beside the lines leaves them room, and one below would not show all of its own."""
    return face.width >= WIDE and (len(queries) > 1 or "{{" in queries[0].legend)


def _legend_beside(face: Face) -> common_builders.VizLegendOptions:
    """A table with the highest line first: Grafana gives what stands below a graph only a third of its height."""
    legend = common_builders.VizLegendOptions().show_legend(True).sort_desc(True)
    legend.placement(common.LegendPlacement.RIGHT).display_mode(common.LegendDisplayMode.TABLE)
    if face.width < WIDE:
        return legend.calcs(["lastNotNull"]).sort_by("Last *")
    return legend.calcs(["lastNotNull", "max"]).sort_by("Max")


def _legend_below() -> common_builders.VizLegendOptions:
    legend = common_builders.VizLegendOptions().show_legend(True).calcs(["lastNotNull", "max"])
    return legend.placement(common.LegendPlacement.BOTTOM).display_mode(common.LegendDisplayMode.LIST)


def _shades(color: str) -> dashboard.DynamicConfigValue:
    return dashboard.DynamicConfigValue(id_val="color", value={"mode": "shades", "fixedColor": color})


def _link(link: Link) -> dashboard_builders.DashboardLink:
    return dashboard_builders.DashboardLink(link.title).url(link.url).target_blank(link.new_tab)


def _newest() -> common_builders.ReduceDataOptions:
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
