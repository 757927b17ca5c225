"""The parts of Grafana's Foundation SDK that the dashboards use, imported in one place because the import warns."""

import warnings

with warnings.catch_warnings():
    # At import the SDK warns that schema v2 will come. We stay with the classic schema: every Grafana from 12 on
    # reads it, by its import dialogue and from provisioned files.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import bargauge, gauge, prometheus, stat, statetimeline, table, timeseries
    from grafana_foundation_sdk.builders import common as common_builders
    from grafana_foundation_sdk.builders import dashboard as dashboard_builders
    from grafana_foundation_sdk.builders.dashboard import Dashboard as DashboardBuilder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import common, dashboard
    from grafana_foundation_sdk.models import prometheus as prometheus_models

__all__ = [
    "DashboardBuilder",
    "JSONEncoder",
    "bargauge",
    "common",
    "common_builders",
    "dashboard",
    "dashboard_builders",
    "gauge",
    "prometheus",
    "prometheus_models",
    "stat",
    "statetimeline",
    "table",
    "timeseries",
]
