"""The page in its variants: same samples, other heads, made once."""

import gzip

from exporter.exposition import sample
from exporter.metrics import ACTIVE_JOBS, CATALOGUE, DB_CONNECTED, JOBS
from exporter.metrics_page import MetricsPage, PageFormat, PageVariant
from tests.support.exporter import Series

FAMILIES = {
    JOBS: sample(JOBS, ("TRAIN", "COMPLETED"), 7),
    DB_CONNECTED: sample(DB_CONNECTED, (), 1),
    ACTIVE_JOBS: sample(ACTIVE_JOBS, (), 2),
}


def body(form: PageFormat, *, packed: bool = False) -> bytes:
    return MetricsPage(FAMILIES).body(PageVariant(form, gzip=packed))


def test_both_formats_read_strictly_and_hold_the_same_samples() -> None:
    text = Series(body(PageFormat.TEXT).decode())
    openmetrics = Series(body(PageFormat.OPENMETRICS).decode(), openmetrics=True)
    for page in (text, openmetrics):
        assert len(page) == 3
        assert page.value("ml_jobs_total", job_type="TRAIN", status="COMPLETED") == 7


def test_openmetrics_names_the_family_without_total_and_ends_with_eof() -> None:
    page = body(PageFormat.OPENMETRICS).decode()
    assert "# TYPE ml_jobs counter\n" in page
    assert "# UNIT ml_jobs_duration_seconds seconds\n" in page
    assert page.endswith("# EOF\n")
    assert "_created" not in page


def test_text_has_neither_unit_nor_eof() -> None:
    page = body(PageFormat.TEXT).decode()
    assert "# TYPE ml_jobs_total counter\n" in page
    assert "# UNIT" not in page
    assert "# EOF" not in page


def test_compressed_pages_unpack_to_the_plain_ones() -> None:
    for form in PageFormat:
        assert gzip.decompress(body(form, packed=True)) == body(form)


def test_families_are_in_the_order_of_the_catalogue() -> None:
    page = body(PageFormat.TEXT).decode()
    positions = [page.index(f"# TYPE {metric.name} ") for metric in CATALOGUE]
    assert positions == sorted(positions)


def test_a_variant_is_made_once() -> None:
    page = MetricsPage(FAMILIES)
    variant = PageVariant(PageFormat.TEXT, gzip=True)
    assert page.body(variant) is page.body(variant)
