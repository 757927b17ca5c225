"""Records the examples of the OpenAPI document from a running service: `make examples`."""
