"""The trees that are grown to count leaves have about as many as those of scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor

from ml_training.selection.tree_growth import tree_growth

RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(size=(12_000, 6))
SCORE = NUMBERS[:, :3].sum(axis=1)
CASES: dict[str, tuple[Any, Any]] = {
    "noise": (NUMBERS, RANDOM.integers(0, 2, len(NUMBERS))),
    "a clean border": (NUMBERS, (SCORE > 0).astype(int)),
    "a noisy border": (NUMBERS, (SCORE + RANDOM.normal(scale=0.5, size=len(SCORE)) > 0).astype(int)),
    "500 random classes": (NUMBERS, np.arange(len(NUMBERS)) % 500),
    "repeated rows": (RANDOM.integers(0, 4, (12_000, 5)).astype(float), RANDOM.integers(0, 3, 12_000)),
    "quantity": (NUMBERS, SCORE + RANDOM.normal(size=len(SCORE))),
    "breast cancer": load_breast_cancer(return_X_y=True),
    "digits": load_digits(return_X_y=True),
}


# Of a quantity every row has a value of its own: extra trees then have one leaf for each.
PAIRS = [(name, best) for name in CASES for best in (True, False) if best or name != "quantity"]


@pytest.mark.parametrize(("name", "best"), PAIRS)
def test_the_leaves_are_about_those_of_the_library(name: str, best: bool) -> None:
    x, y = CASES[name]
    classifier: Any = RandomForestClassifier if best else ExtraTreesClassifier
    if name == "quantity":
        classifier = RandomForestRegressor
    forest = classifier(n_estimators=3, max_features="sqrt", random_state=0).fit(x, y)
    real = float(np.mean([tree.tree_.n_leaves for tree in forest.estimators_]))
    at = RANDOM.permutation(len(y))[:5_000]
    grown = tree_growth(x[at], y[at], tried=int(np.sqrt(x.shape[1])), best=best)
    counted = grown.leaves_of(len(y) * (0.632 if best else 1.0))
    assert 0.7 < counted / real < 2.5, (counted, real)


def test_odd_samples_are_counted_too() -> None:
    missing = np.full((50, 2), np.nan)
    assert tree_growth(missing, np.arange(50) % 2, tried=1, best=True).leaves == 1, "nothing to split by"
    assert tree_growth(np.arange(50.0)[:, None], np.zeros(50, dtype=int), tried=1, best=True).leaves == 1, "one class"
    one = tree_growth(np.ones((1, 1)), np.zeros(1, dtype=int), tried=1, best=False)
    assert (one.rows, one.leaves_of(10)) == (1, 1.0 if one.exponent == 0 else 10.0)
    assert tree_growth(np.arange(40.0)[:, None], np.arange(40), tried=1, best=True).leaves == 40
