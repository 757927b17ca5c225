"""Table panels: a row for each set of labels, a column for each label and for each query's value."""

from collections.abc import Mapping
from dataclasses import dataclass

from dashboards.grafana_sdk import common_builders, dashboard, prometheus_models, table
from dashboards.links import Link
from dashboards.panels import PanelOptions, PanelQuery, ValueLabels, target, value_mappings, with_options


@dataclass(frozen=True)
class TableColumn:
    """A column of values; the legend of `query` is its heading, `value_labels` replace numbers."""

    query: PanelQuery
    unit: str = "none"
    value_labels: ValueLabels | None = None


def table_panel(
    options: PanelOptions,
    *columns: TableColumn,
    labels: Mapping[str, str],
    descending: str,
    links: Mapping[str, tuple[Link, ...]],
    widths: Mapping[str, int] | None = None,
) -> table.Panel:
    """One row for each set of labels that the queries return; `labels` maps a label to its heading, in order.

    The queries must be aggregated to exactly these labels. `descending` is the heading to sort by. `links` maps
    a heading to the context menu of its cells, `widths` maps a heading to the width of its column in pixels.
    """
    panel = with_options(table.Panel(), options)
    names = dict(labels)
    for index, column in enumerate(columns):
        query = target(column.query, index).instant().format(prometheus_models.PromQueryFormat.TABLE)
        panel.with_target(query)
        # Grafana calls the only value "Value", and one of several "Value #A".
        names["Value" if len(columns) == 1 else f"Value #{chr(ord('A') + index)}"] = column.query.legend
        panel.override_by_name(column.query.legend, _overrides(column))
    for heading, menu in links.items():
        cells = [{"title": link.title, "url": link.url, "targetBlank": link.new_tab} for link in menu]
        panel.override_by_name(heading, [dashboard.DynamicConfigValue(id_val="links", value=cells)])
    for heading, pixels in (widths or {}).items():
        panel.override_by_name(heading, [dashboard.DynamicConfigValue(id_val="custom.width", value=pixels)])
    order = {name: index for index, name in enumerate(names)}
    columns_as_shown = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names}
    panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(dashboard.DataTransformerConfig(id_val="organize", options=columns_as_shown))
    return panel.sort_by([common_builders.TableSortByFieldState().display_name(descending).desc(True)])


def _overrides(column: TableColumn) -> list[dashboard.DynamicConfigValue]:
    found = [dashboard.DynamicConfigValue(id_val="unit", value=column.unit)]
    if column.unit == "percentunit":
        found.append(dashboard.DynamicConfigValue(id_val="decimals", value=1))
    if column.value_labels:
        found.append(dashboard.DynamicConfigValue(id_val="mappings", value=value_mappings(column.value_labels)))
        cell = {"type": "color-text"}
        found.append(dashboard.DynamicConfigValue(id_val="custom.cellOptions", value=cell))
    return found
