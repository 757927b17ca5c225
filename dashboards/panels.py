"""Three kinds of panel with the house's defaults, so that a dashboard only says what it shows."""

from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeVar

from dashboards.sdk import common, common_builders, dashboard, dashboard_builders, gauge, prometheus, stat, timeseries

DATASOURCE_VARIABLE = "DS_PROMETHEUS"
DATASOURCE = common.DataSourceRef(type_val="prometheus", uid=f"${{{DATASOURCE_VARIABLE}}}")
PanelT = TypeVar("PanelT", gauge.Panel, stat.Panel, timeseries.Panel)
Steps = tuple[tuple[float | None, str], ...]


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


def gauge_panel(face: Face, query: Query, *, words: dict[str, tuple[str, str]] | None = None) -> gauge.Panel:
    """A gauge of the newest value; `words` maps a value to (text, colour)."""
    panel = _dressed(gauge.Panel(), face).with_target(_target(query, 0).instant())
    if words:
        results = {
            value: dashboard.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(words.items())
        }
        panel.mappings([dashboard.ValueMap(options=results)])
    return panel.reduce_options(_newest())


def stat_panel(face: Face, query: Query) -> stat.Panel:
    """The newest value as a number."""
    panel = _dressed(stat.Panel(), face).with_target(_target(query, 0).instant()).decimals(0)
    return panel.reduce_options(_newest()).graph_mode(common.BigValueGraphMode.NONE)


def time_series_panel(face: Face, *queries: Query) -> timeseries.Panel:
    """Lines over time with a legend of last and highest values."""
    panel = _dressed(timeseries.Panel(), face)
    for index, query in enumerate(queries):
        panel.with_target(_target(query, index).range())
    legend = common_builders.VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.TABLE)
    legend.placement(common.LegendPlacement.BOTTOM).calcs(["lastNotNull", "max"])
    tooltip = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    tooltip.sort(common.SortOrder.DESCENDING)
    palette = dashboard_builders.FieldColor().mode(dashboard.FieldColorModeId.PALETTE_CLASSIC)
    return panel.legend(legend).tooltip(tooltip).color_scheme(palette).line_width(1).fill_opacity(10)


def _dressed(panel: PanelT, face: Face) -> PanelT:
    """`panel` with the texts, unit, size and thresholds of `face`."""
    steps = [dashboard.Threshold(value=value, color=color) for value, color in face.steps]
    thresholds = dashboard_builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)
    panel.title(face.title).description(face.description).no_value(face.no_value).unit(face.unit)
    panel.span(face.width).height(face.height).datasource(DATASOURCE).thresholds(thresholds)
    if face.minimum is not None:
        panel.min(face.minimum)
    if face.maximum is not None:
        panel.max(face.maximum)
    return panel


def _target(query: Query, index: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expression).legend_format(query.legend)
    return target.ref_id(ascii_uppercase[index]).datasource(DATASOURCE)


def _newest() -> common_builders.ReduceDataOptions:
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
