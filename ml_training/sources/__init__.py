"""Reads rows from databases and files from buckets, for the data sets that nobody uploads."""
