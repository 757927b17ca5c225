"""How often DRIFT alarms without a reason, and how often it finds one that was planted: 1,000 comparisons each.

docs/drift.md gives the figures, which stand at the end of the run; SHUFFLES=... takes another number of comparisons.
"""

import os
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.property.run_summary import NUMBERS
from tests.support.drift_data import compare_numbers, wandering

pytestmark = pytest.mark.exhaustive
SHUFFLES = int(os.environ.get("SHUFFLES") or 1_000)
SPARE = 3 * (0.05 * 0.95 / SHUFFLES) ** 0.5  # three standard errors of a share of 5 %
Sides = tuple[NDArray[np.float64], NDArray[np.float64]]


def shuffled(random: np.random.Generator) -> Sides:
    """Rows of one table, half of them in each side by chance; three numbers, of which two go together."""
    rows = random.normal(size=(2_000, 3))
    rows[:, 1] = np.exp(rows[:, 0] + rows[:, 1])
    rows[random.random((2_000, 3)) < 0.05] = np.nan
    order = random.permutation(2_000)
    return rows[order[:1_000]], rows[order[1_000:]]


def few(random: np.random.Generator) -> Sides:
    """Independent rows, fifty of them on one side."""
    return random.normal(size=(5_000, 3)), random.normal(size=(50, 3))


def in_sequence(correlation: float, training: int, compared: int) -> Callable[[np.random.Generator], Sides]:
    """One process cut in two: the compared rows follow the training rows."""

    def sides(random: np.random.Generator) -> Sides:
        rows = wandering(random, training + compared, correlation)
        return rows[:training], rows[training:]

    return sides


CASES: dict[str, Callable[[np.random.Generator], Sides]] = {
    "shuffled rows of one table": shuffled,
    "50 rows against 5,000": few,
    "correlation 0.9, 2,000 and 2,000 rows": in_sequence(0.9, 2_000, 2_000),
    "correlation 0.9, 5,000 and 300 rows": in_sequence(0.9, 5_000, 300),
    "correlation 0.99, 2,000 and 2,000 rows": in_sequence(0.99, 2_000, 2_000),
    "correlation 0.99, 10,000 and 500 rows": in_sequence(0.99, 10_000, 500),
    "correlation 0.999, 2,000 and 2,000 rows": in_sequence(0.999, 2_000, 2_000),
}
PLANTED = ("shuffled rows of one table", "50 rows against 5,000", "correlation 0.9, 2,000 and 2,000 rows")


@pytest.mark.parametrize("case", CASES)
def test_rows_of_the_same_kind_alarm_in_one_of_twenty_reports_at_most(
    case: str, record_property: Callable[[str, object], None]
) -> None:
    random = np.random.default_rng(11)
    alarms = sum(compare_numbers(*CASES[case](random), seed=seed)["drifted"] for seed in range(SHUFFLES))
    record_property(NUMBERS, f"{case}: {alarms} alarms of {SHUFFLES}")
    assert alarms / SHUFFLES <= 0.05 + SPARE


@pytest.mark.parametrize("case", PLANTED)
def test_a_feature_that_moved_by_its_own_spread_is_found(
    case: str, record_property: Callable[[str, object], None]
) -> None:
    """One of three features of equal weight."""
    random = np.random.default_rng(12)
    found = 0
    for seed in range(SHUFFLES):
        training, compared = CASES[case](random)
        compared[:, 0] += 1.0
        found += compare_numbers(training, compared, seed=seed)["drifted"]
    record_property(NUMBERS, f"{case}: {found} found of {SHUFFLES}")
    assert found / SHUFFLES >= 0.95
