"""The HTTP API: parse, call one service, render."""
