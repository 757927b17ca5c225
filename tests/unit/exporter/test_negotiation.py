"""Which format and encoding a scraper gets; the headers are those that real scrapers send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.metrics_page import PageFormat
from exporter.negotiation import negotiate

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", PageFormat.TEXT),
        ("*/*", PageFormat.TEXT),
        (BROWSER, PageFormat.TEXT),
        ("image/png", PageFormat.TEXT),
        (PROMETHEUS_2, PageFormat.OPENMETRICS),
        (PROMETHEUS_3, PageFormat.OPENMETRICS),
        ("application/openmetrics-text", PageFormat.OPENMETRICS),
        ("application/openmetrics-text; version=2.0.0", PageFormat.TEXT),
        (
            "application/openmetrics-text; version=2.0.0, application/openmetrics-text; version=1.0.0; q=0.1",
            PageFormat.OPENMETRICS,
        ),
        ("application/openmetrics-text; version=0.0.1", PageFormat.TEXT),
        ("application/openmetrics-text; version=1.0.0; q=0.1, text/plain; q=0.9", PageFormat.TEXT),
        ("application/openmetrics-text; version=1.0.0; q=0", PageFormat.TEXT),
        ("application/openmetrics-text; version=1.0.0; q=nan", PageFormat.TEXT),
    ],
)
def test_the_format_that_the_scraper_prefers(accept: str, form: PageFormat) -> None:
    assert negotiate(accept, "").format is form


@pytest.mark.parametrize(
    ("header", "packed"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("*", True),
        ("identity", False),
        ("br", False),
    ],
)
def test_gzip_only_for_those_that_take_it(header: str, packed: bool) -> None:
    assert negotiate("", header).gzip is packed


@given(st.text(max_size=300), st.text(max_size=100))
def test_any_header_can_be_negotiated(accept: str, encoding: str) -> None:
    negotiate(accept, encoding)
