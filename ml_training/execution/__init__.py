"""Runs one job: claim, lease, handler, result. Used by the worker's child processes."""
