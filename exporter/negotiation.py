"""Chooses the format and encoding for a scraper: OpenMetrics 1.0 if it prefers that, else the text format 0.0.4.

Not the library's, because prometheus_client 0.26 answers a request for OpenMetrics 2.0 with a 1.0 body that says 2.0.
"""

from collections.abc import Iterator
from typing import NamedTuple

from exporter.metrics_page import PageFormat, PageVariant

MAX_RANGES = 32


class _MediaRange(NamedTuple):
    name: str
    parameters: dict[str, str]
    quality: float


def negotiate(accept: str, accept_encoding: str) -> PageVariant:
    """The variant for these two headers; what cannot be read is ignored, and text is the default."""
    best = {PageFormat.TEXT: 0.0, PageFormat.OPENMETRICS: 0.0}
    for item in _ranges(accept):
        if item.name in {"text/plain", "text/*", "*/*"}:
            best[PageFormat.TEXT] = max(best[PageFormat.TEXT], item.quality)
        elif item.name == "application/openmetrics-text" and item.parameters.get("version", "1.0.0") == "1.0.0":
            best[PageFormat.OPENMETRICS] = max(best[PageFormat.OPENMETRICS], item.quality)
    wanted = best[PageFormat.OPENMETRICS]
    form = PageFormat.OPENMETRICS if wanted > 0 and wanted >= best[PageFormat.TEXT] else PageFormat.TEXT
    return PageVariant(form, _takes_gzip(accept_encoding))


def _takes_gzip(accept_encoding: str) -> bool:
    qualities = {item.name: item.quality for item in _ranges(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _ranges(header: str) -> Iterator[_MediaRange]:
    for item in header.split(",")[:MAX_RANGES]:
        name, *rest = (part.strip().lower() for part in item.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
        yield _MediaRange(name, parameters, _quality(parameters.pop("q", "1")))


def _quality(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value <= 1.0 else 0.0
