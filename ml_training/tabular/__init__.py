"""Converts an uploaded file into a selection index and a profile (uses pyarrow; only workers load it)."""
