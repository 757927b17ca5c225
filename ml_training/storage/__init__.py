"""The bytes of data sets, indexes and artifacts."""
