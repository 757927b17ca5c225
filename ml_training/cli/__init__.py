"""The command line `ml-training`: one function for each command; most of them call the API with the Python client."""

from ml_training.cli.app import main

__all__ = ["main"]
