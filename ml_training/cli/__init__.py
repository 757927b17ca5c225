"""`ml-training`: one verb a function, over HTTP except where a verb concerns this machine."""

from ml_training.cli.app import main

__all__ = ["main"]
