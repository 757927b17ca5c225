"""Which build is running."""

import platform

from exporter import metrics
from exporter.collectors.base import Show, always
from exporter.exposition import identifier, sample


def build(version: str, revision: str) -> Show:
    """The version, the code's revision and the interpreter."""
    labels = [identifier(text) for text in (version, revision, platform.python_version())]
    return always({metrics.BUILD_INFO: sample(metrics.BUILD_INFO, labels, 1)})
