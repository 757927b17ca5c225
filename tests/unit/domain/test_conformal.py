"""The width of prediction intervals: right ranks, and never too narrow where not all errors are kept."""

import math

import numpy as np
import pytest

from ml_training.domain.conformal import HeldOutErrors, kept_ranks, least_rows


def kept(errors: list[float]) -> HeldOutErrors:
    ordered = sorted(errors)
    ranks = kept_ranks(len(ordered))
    return HeldOutErrors(len(ordered), ranks, [ordered[rank - 1] for rank in ranks])


@pytest.mark.parametrize("rows", [1, 2, 9, 10, 99, 100, 1_000])
@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_the_error_of_the_wanted_rank_is_the_largest_error(rows: int, confidence: float) -> None:
    found = kept([float(number) for number in range(1, rows + 1)]).largest_error(confidence)
    wanted = math.ceil((rows + 1) * confidence)
    assert found == (wanted if wanted <= rows else None)
    assert (found is None) == (rows < least_rows(confidence))


@pytest.mark.parametrize("confidence", [0.5, 0.55, 0.9, 0.99])
def test_of_very_many_errors_some_are_kept_and_no_interval_becomes_narrower(confidence: float) -> None:
    errors = np.random.default_rng(1).exponential(size=300_000).tolist()
    few = kept(errors)
    exact = sorted(errors)[math.ceil((len(errors) + 1) * confidence) - 1]
    found = few.largest_error(confidence)
    assert found is not None
    assert exact <= found <= 1.02 * exact
    assert len(few.errors) < 600


def test_stored_errors_come_back() -> None:
    errors = kept([1.0, 2.0, 3.0])
    assert HeldOutErrors.of_details({"held_out_errors": errors.to_json()}) == errors
    assert HeldOutErrors.of_details({}) is None
