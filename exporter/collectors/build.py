"""Which build is running: the version, the code's revision and the interpreter."""

import platform

from exporter import metrics
from exporter.collectors.base import LocalCollector
from exporter.exposition import Families, identifier, sample


class BuildCollector(LocalCollector):
    """One series, whose labels say it all."""

    name = "build"

    def __init__(self, version: str, revision: str) -> None:
        labels = [identifier(text) for text in (version, revision, platform.python_version())]
        self._families = {metrics.BUILD_INFO: sample(metrics.BUILD_INFO, labels, 1)}

    def render(self, now: float) -> Families:
        return self._families
