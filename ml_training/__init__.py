"""The ML training service: jobs in over HTTP, trained models out, nothing lost in between."""

__version__ = "0.1.0"
