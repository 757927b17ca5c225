"""Tables of things that exist now: labels and values of instant queries, joined row by row."""

from collections.abc import Mapping
from dataclasses import dataclass

from dashboards.links import Link
from dashboards.panels import Face, Query, Words, dressed, target, value_maps
from dashboards.sdk import common_builders, dashboard, prometheus_models, table


@dataclass(frozen=True)
class Column:
    """A column of values: what it asks (the legend is its heading), its unit, and words instead of numbers."""

    query: Query
    unit: str = "none"
    words: Words | None = None


def table_panel(
    face: Face,
    *columns: Column,
    labels: Mapping[str, str],
    descending: str,
    links: Mapping[str, tuple[Link, ...]],
    widths: Mapping[str, int] | None = None,
) -> table.Panel:
    """One row for each set of labels of the queries; `labels` maps a label to its heading, in order.

    The queries must be aggregated to exactly these labels. `descending` is the heading to sort by, `links` hold
    the menu of a heading's cells, `widths` are pixels of a heading's column.
    """
    panel = dressed(table.Panel(), face)
    names = dict(labels)
    for index, column in enumerate(columns):
        query = target(column.query, index).instant().format(prometheus_models.PromQueryFormat.TABLE)
        panel.with_target(query)
        # Grafana's own names: "Value" alone, "Value #A" among several.
        names["Value" if len(columns) == 1 else f"Value #{chr(ord('A') + index)}"] = column.query.legend
        panel.override_by_name(column.query.legend, _properties(column))
    for heading, menu in links.items():
        cells = [{"title": link.title, "url": link.url, "targetBlank": link.new_tab} for link in menu]
        panel.override_by_name(heading, [dashboard.DynamicConfigValue(id_val="links", value=cells)])
    for heading, pixels in (widths or {}).items():
        panel.override_by_name(heading, [dashboard.DynamicConfigValue(id_val="custom.width", value=pixels)])
    order = {name: index for index, name in enumerate(names)}
    options = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names}
    panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(dashboard.DataTransformerConfig(id_val="organize", options=options))
    return panel.sort_by([common_builders.TableSortByFieldState().display_name(descending).desc(True)])


def _properties(column: Column) -> list[dashboard.DynamicConfigValue]:
    found = [dashboard.DynamicConfigValue(id_val="unit", value=column.unit)]
    if column.unit == "percentunit":
        found.append(dashboard.DynamicConfigValue(id_val="decimals", value=1))
    if column.words:
        found.append(dashboard.DynamicConfigValue(id_val="mappings", value=value_maps(column.words)))
        cell = {"type": "color-text"}
        found.append(dashboard.DynamicConfigValue(id_val="custom.cellOptions", value=cell))
    return found
