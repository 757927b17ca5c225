"""Counters and histograms from the ledger: complete from the start, and never falling by a rounding error."""

from typing import cast

from exporter.collectors.ledger import LedgerCollector
from ml_training.db.stats import LedgerTotal, Stats
from ml_training.domain.algorithms import ModelType
from ml_training.domain.histogram_buckets import DURATION_BUCKETS, bucket_of
from ml_training.domain.specs import JobType
from tests.support.exporter import Series


class Rows:
    """Stands for the database's answer."""

    def __init__(self, *rows: LedgerTotal) -> None:
        self.rows = rows

    def ledger(self) -> tuple[LedgerTotal, ...]:
        return self.rows


def page(ledger: LedgerCollector, *rows: LedgerTotal) -> Series:
    families = ledger.collect(cast(Stats, Rows(*rows)))(0.0)
    return Series(b"".join(families.values()).decode())


def ended(seconds: float, *, n: int = 1, status: str = "COMPLETED", model_type: str = "ridge") -> LedgerTotal:
    return LedgerTotal(
        "terminal", "TRAIN", status, model_type, bucket_of(seconds, DURATION_BUCKETS), n, seconds * n, 10
    )


def test_everything_starts_at_zero() -> None:
    series = page(LedgerCollector())
    assert len(series.all("ml_jobs_total")) == len(JobType) * 3
    assert len(series.all("ml_jobs_duration_seconds_bucket")) == len(JobType) * 14
    assert len(series.all("ml_queue_wait_seconds_bucket")) == len(JobType) * 11
    assert series.labels("ml_job_attempts_lost_total", "reason") == {"worker_lost"}
    assert series.labels("ml_training_rows_total", "model_type") == set(ModelType)
    assert series["ml_stale_writes_refused_total"] == 0


def test_folded_and_fresh_rows_of_a_job_add_up() -> None:
    series = page(LedgerCollector(), ended(2.0, n=3), ended(2.0), ended(100.0), ended(2.0, status="FAILED"))
    assert series.value("ml_jobs_total", job_type="TRAIN", status="COMPLETED") == 5
    assert series.value("ml_jobs_total", job_type="TRAIN", status="FAILED") == 1
    assert series.value("ml_jobs_duration_seconds_bucket", job_type="TRAIN", le="5.0") == 5
    assert series.value("ml_jobs_duration_seconds_count", job_type="TRAIN") == 6
    assert series.value("ml_jobs_duration_seconds_sum", job_type="TRAIN") == 110.0
    assert series.value("ml_training_seconds_total", model_type="ridge") == 110.0
    assert series.value("ml_training_rows_total", model_type="ridge") == 40


def test_a_job_that_never_started_is_counted_but_not_in_the_histogram() -> None:
    never = LedgerTotal("terminal", "TEST", "CANCELLED", "ridge", -1, 2, 0.0, 0)
    series = page(LedgerCollector(), never)
    assert series.value("ml_jobs_total", job_type="TEST", status="CANCELLED") == 2
    assert series.value("ml_jobs_duration_seconds_count", job_type="TEST") == 0


def test_words_that_nobody_knows_are_other() -> None:
    lost = LedgerTotal("lost", "", 'x"} 1\nevil 1', "", -1, 2, 0.0, 0)
    series = page(LedgerCollector(), lost, ended(1.0, model_type="a\nb"))
    assert series.value("ml_job_attempts_lost_total", reason="other") == 2
    assert series.value("ml_training_rows_total", model_type="other") == 10


def test_a_fold_that_adds_in_another_order_does_not_lower_the_sum() -> None:
    ledger = LedgerCollector()
    before = page(ledger, ended(2.0, n=3))
    folded = LedgerTotal("terminal", "TRAIN", "COMPLETED", "ridge", 3, 3, 5.9999, 30)
    after = page(ledger, folded)
    for name in ("ml_jobs_duration_seconds_sum", "ml_training_seconds_total"):
        labels = {"job_type": "TRAIN"} if name.startswith("ml_jobs") else {"model_type": "ridge"}
        assert before.value(name, **labels) == after.value(name, **labels) == 6.0


def test_two_exporters_show_the_same_sum_in_any_order_of_the_addition() -> None:
    values = [0.1, 0.2, 0.3]
    high, low = (values[0] + values[1]) + values[2], values[0] + (values[1] + values[2])
    assert high > low  # the same numbers, and still
    one = page(LedgerCollector(), LedgerTotal("terminal", "TRAIN", "COMPLETED", "ridge", 1, 3, high, 30))
    other = page(LedgerCollector(), LedgerTotal("terminal", "TRAIN", "COMPLETED", "ridge", 1, 3, low, 30))
    labels = {"job_type": "TRAIN"}
    assert one.value("ml_jobs_duration_seconds_sum", **labels) == 0.6
    assert other.value("ml_jobs_duration_seconds_sum", **labels) == 0.6


def test_another_database_with_fewer_jobs_is_a_true_reset() -> None:
    ledger = LedgerCollector()
    page(ledger, ended(100.0, n=5))
    assert page(ledger, ended(1.0)).value("ml_jobs_duration_seconds_sum", job_type="TRAIN") == 1.0


def test_reused_jobs_and_estimates_are_counted_and_start_at_zero() -> None:
    series = page(LedgerCollector())
    assert series.labels("ml_jobs_reused_total", "job_type") == {"TRAIN", "PREDICT", "TRIAL"}
    assert len(series.all("ml_job_estimates_total")) == 4
    rows = [LedgerTotal("reused", "TRAIN", "", "", -1, n, 0.0, 0) for n in (2, 1)]
    rows += [LedgerTotal(f"estimate_{result}", "TRAIN", "seconds", "", -1, 3, 1.0, 0) for result in ("held", "missed")]
    series = page(LedgerCollector(), *rows)
    assert series.value("ml_jobs_reused_total", job_type="TRAIN") == 3
    assert series.value("ml_job_estimates_total", estimate="seconds", result="held") == 3
    assert series.value("ml_job_estimates_total", estimate="starts_in_seconds", result="held") == 0
    assert series.value("ml_jobs_total", job_type="TRAIN", status="COMPLETED") == 0
