"""Runs the real service with a real Prometheus; every query of dashboards, rules and guide must find data."""
