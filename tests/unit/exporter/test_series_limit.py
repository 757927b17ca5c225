"""The limit of series: the least important families are dropped first, as a whole, and counted."""

from exporter import metrics
from exporter.exposition import Families, sample, samples
from exporter.metrics import DROPPED_FIRST, Metric
from exporter.series_limit import SeriesLimit


def lines(metric: Metric, count: int) -> bytes:
    return samples(metric, [(["1"] * len(metric.labels), 1)] * count)


def families() -> Families:
    return {
        metrics.DB_CONNECTED: sample(metrics.DB_CONNECTED, (), 1),
        metrics.JOB_STATUS: lines(metrics.JOB_STATUS, 10),
        metrics.JOB_PHASES: lines(metrics.JOB_PHASES, 10),
        metrics.MODEL_SCORE: lines(metrics.MODEL_SCORE, 10),
    }


def test_a_page_that_fits_is_left_alone() -> None:
    limit = SeriesLimit(31)
    assert limit.apply(families()) == families()
    assert limit.dropped == 0


def test_the_least_important_family_is_dropped_first() -> None:
    limit = SeriesLimit(30)
    assert set(limit.apply(families())) == set(families()) - {metrics.MODEL_SCORE}
    assert limit.dropped == 10
    limit.apply(families())
    assert limit.dropped == 20


def test_no_more_is_dropped_than_necessary() -> None:
    assert set(SeriesLimit(12).apply(families())) == {metrics.DB_CONNECTED, metrics.JOB_STATUS}


def test_the_essential_families_are_never_dropped() -> None:
    kept = SeriesLimit(0).apply(families())
    assert set(kept) == {metrics.DB_CONNECTED, metrics.JOB_STATUS}
    assert not set(DROPPED_FIRST) & {metrics.JOBS, metrics.JOBS_DURATION, metrics.JOB_STATUS, metrics.WORKER_UP}
