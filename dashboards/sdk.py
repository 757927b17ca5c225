"""The parts of Grafana's SDK that the dashboards use, imported in one place because the import itself warns."""

import warnings

with warnings.catch_warnings():
    # The SDK announces schema v2 at import. The classic schema stays: it is what the import dialogue and the file
    # provisioning of every Grafana from 12 on read.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import bargauge, gauge, prometheus, stat, statetimeline, table, timeseries
    from grafana_foundation_sdk.builders import common as common_builders
    from grafana_foundation_sdk.builders import dashboard as dashboard_builders
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import common, dashboard
    from grafana_foundation_sdk.models import prometheus as prometheus_models

__all__ = [
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
