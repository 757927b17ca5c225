"""Mutated raw requests to the API and the exporter: no answer may be a 500, no memory may grow."""
