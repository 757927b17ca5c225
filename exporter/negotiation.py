"""Which format and encoding a scraper gets: OpenMetrics 1.0 if it prefers that, else the text format 0.0.4.

Ours, because prometheus_client 0.26 answers a request for OpenMetrics 2.0 with a 1.0 body that says 2.0.
"""

from collections.abc import Iterator
from typing import NamedTuple

from exporter.metrics_page import Format, Variant

MOST_RANGES = 32


class _Range(NamedTuple):
    name: str
    parameters: dict[str, str]
    quality: float


def negotiate(accept: str, accept_encoding: str) -> Variant:
    """The variant for these two headers; anything unreadable counts as not said, and text is always served."""
    best = {Format.TEXT: 0.0, Format.OPENMETRICS: 0.0}
    for item in _ranges(accept):
        if item.name in {"text/plain", "text/*", "*/*"}:
            best[Format.TEXT] = max(best[Format.TEXT], item.quality)
        elif item.name == "application/openmetrics-text" and item.parameters.get("version", "1.0.0") == "1.0.0":
            best[Format.OPENMETRICS] = max(best[Format.OPENMETRICS], item.quality)
    wanted = best[Format.OPENMETRICS]
    form = Format.OPENMETRICS if wanted > 0 and wanted >= best[Format.TEXT] else Format.TEXT
    return Variant(form, _takes_gzip(accept_encoding))


def _takes_gzip(accept_encoding: str) -> bool:
    qualities = {item.name: item.quality for item in _ranges(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _ranges(header: str) -> Iterator[_Range]:
    for item in header.split(",")[:MOST_RANGES]:
        name, *rest = (part.strip().lower() for part in item.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
        yield _Range(name, parameters, _quality(parameters.pop("q", "1")))


def _quality(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value <= 1.0 else 0.0
