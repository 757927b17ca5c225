"""Lines of samples: every number reads back, nothing unknown is written, no text can break out of a label."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.exposition import finite, histogram, identifier, number, sample, samples
from exporter.metrics import JOBS_DURATION, WORKER_UP, WORKERS_UP
from tests.support.exporter import Series

HOSTILE = ('a"b', "a\\", 'a\nml_db_connected 1\nx{y="', "ä" * 500, "\x00", "\u2028", "}", "")


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63))
def test_a_number_reads_back_as_itself(value: float) -> None:
    assert float(number(value)) == float(value)


def test_whole_numbers_have_no_fraction() -> None:
    assert [number(value) for value in (0, 1, 100.0, True, 0.5, 1e300)] == ["0", "1", "100", "1", "0.5", "1e+300"]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, 10**400])
def test_what_is_unknown_or_not_finite_is_absent(value: Any) -> None:
    assert sample(WORKERS_UP, (), value) == b""


@pytest.mark.parametrize("value", [None, "7", True, math.nan, 10**400, [1], {}])
def test_only_finite_numbers_count_as_numbers(value: Any) -> None:
    assert finite(value) is None


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_inside_its_label(text: str) -> None:
    page = Series(sample(WORKER_UP, (identifier(text),), 1).decode())
    assert len(page) == 1
    assert page["ml_worker_up"] == 1.0


def test_a_usual_process_name_is_kept_as_it_is() -> None:
    assert identifier("worker@host-7.example.org:1234") == "worker@host-7.example.org:1234"


def test_a_missing_label_is_an_error_not_a_broken_page() -> None:
    with pytest.raises(ValueError, match="zip"):
        samples(WORKER_UP, [((), 1)])


def test_histogram_buckets_cumulate_and_end_with_all() -> None:
    lines = histogram(JOBS_DURATION, ("TRAIN",), bounds=(0.1, 1.0), counts=(2, 0, 3), total=7.5).decode()
    page = Series(lines)
    bounds = {dict(labels)["le"]: value for labels, value in page.all("ml_jobs_duration_seconds_bucket").items()}
    assert bounds == {"0.1": 2, "1.0": 2, "+Inf": 5}
    assert (page["ml_jobs_duration_seconds_sum"], page["ml_jobs_duration_seconds_count"]) == (7.5, 5)
