"""Rows, labels, features and splits of jobs; the API checks with it and the engine trains from it (numpy only)."""
