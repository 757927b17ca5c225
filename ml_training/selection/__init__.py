"""Rows, labels and splits: the one implementation that the API checks with and the engine trains from (numpy only)."""
