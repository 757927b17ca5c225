"""The real service under a real Prometheus: every query of dashboards, rules and guide must find data."""
