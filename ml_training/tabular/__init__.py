"""From an uploaded file to a selection index and a profile (pyarrow; loaded by workers only)."""
