"""Calibration: the curves are the best ones, survive being stored, and give a row alone what it gets among others."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from ml_training.inference.calibration import Calibration, IsotonicCurve, SigmoidCurve, log_odds
from ml_training.training.calibration import fit_sigmoid

SIGMOID = SigmoidCurve(0.5, -0.3, log_odds=True)
ISOTONIC = IsotonicCurve(np.array([0.1, 0.4, 0.8]), np.array([0.0, 0.3, 0.9]))


def loss(line: Any, scores: Any, happened: Any) -> float:
    """The log loss with Platt's targets."""
    ones, zeros = happened.sum(), (~happened).sum()
    target = np.where(happened, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    at = line[0] * scores + line[1]
    return float((np.logaddexp(0, at) - target * at).sum())


@given(st.integers(0, 10**6), st.sampled_from([1e-9, 1.0, 1e12]), st.sampled_from([0.0, 1e3]))
def test_a_sigmoid_has_the_least_loss(seed: int, scale: float, shift: float) -> None:
    random = np.random.default_rng(seed)
    plain = random.normal(size=int(random.integers(4, 200)))
    happened = random.random(len(plain)) < 1 / (1 + np.exp(-random.normal() * plain))
    happened[:2] = [True, False]
    slope, intercept = fit_sigmoid((plain + shift) * scale, happened)
    found = loss((slope * scale, intercept), plain + shift, happened)
    best = minimize(loss, (0.0, 0.0), args=(plain, happened), tol=1e-12).fun
    assert found <= best + 1e-6 * (1 + abs(best))


@pytest.mark.parametrize("scores", [[0.0] * 6, [-1e300, -1.0, 0.0, 1.0, 2.0, 1e300], [-3.0, -2.0, -1.0, 1.0, 2.0, 3.0]])
def test_odd_scores_have_a_finite_sigmoid(scores: list[float]) -> None:
    happened = np.array([False, False, False, True, True, True])
    with np.errstate(all="ignore"):
        slope, intercept = fit_sigmoid(np.array(scores), happened)
    assert np.isfinite([slope, intercept]).all()
    chances = SigmoidCurve(slope, intercept, log_odds=False).chances(np.array(scores))
    assert ((chances >= 0) & (chances <= 1)).all()
    assert (np.diff(chances) >= 0).all()


def test_log_odds_of_impossible_and_certain_are_finite() -> None:
    found = log_odds(np.array([0.0, 0.5, 1.0]))
    assert np.isfinite(found).all()
    assert found[1] == 0.0
    assert found[0] == pytest.approx(-found[2])


@pytest.mark.parametrize("curves", [(SIGMOID,), (ISOTONIC,), (SIGMOID, SIGMOID, SIGMOID), (ISOTONIC,) * 4], ids=len)
def test_probabilities_add_up_and_each_row_is_for_itself(curves: tuple[Any, ...]) -> None:
    classes = max(2, len(curves))
    values = np.random.default_rng(2).dirichlet(np.ones(classes) / 2, size=501)
    method = "sigmoid" if curves[0] is SIGMOID else "isotonic"
    made = Calibration(method, curves)
    found = made.probabilities(values)
    assert found.shape == values.shape
    assert np.allclose(found.sum(axis=1), 1.0)
    alone = np.concatenate([made.probabilities(values[at : at + 1]) for at in range(len(values))])
    assert (alone == found).all(), "to the last bit"
    in_columns = made.probabilities(np.asfortranarray(values))
    assert (in_columns == found).all()
    stored = Calibration.from_json(json.loads(json.dumps(made.to_json())), classes=classes)
    assert (stored.probabilities(values) == found).all()


def test_a_row_that_no_class_wants_is_of_each_class_alike() -> None:
    never = IsotonicCurve(np.array([0.0, 1.0]), np.array([0.0, 0.0]))
    found = Calibration("isotonic", (never, never, never)).probabilities(np.array([[0.2, 0.3, 0.5]]))
    assert found.tolist() == [[1 / 3, 1 / 3, 1 / 3]]


@pytest.mark.parametrize(
    ("body", "classes"),
    [
        ({"method": "sigmoid", "curves": [SIGMOID.to_json()] * 2}, 2),
        ({"method": "sigmoid", "curves": [SIGMOID.to_json()]}, 3),
        ({"method": "isotonic", "curves": [{"scores": [2.0, 1.0], "probabilities": [0.0, 1.0]}]}, 2),
        ({"method": "isotonic", "curves": [{"scores": [], "probabilities": []}]}, 2),
        ({"method": "isotonic", "curves": [{"scores": [1.0], "probabilities": []}]}, 2),
        ({"method": "beta", "curves": [SIGMOID.to_json()]}, 2),
    ],
)
def test_a_damaged_calibration_is_refused(body: dict[str, Any], classes: int) -> None:
    with pytest.raises(ValueError, match=r"calibrat"):
        Calibration.from_json(body, classes=classes)
