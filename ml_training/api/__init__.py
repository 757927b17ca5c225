"""The HTTP API: each route parses a request, calls one service and answers with a documented schema."""
