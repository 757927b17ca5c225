"""Both sides of a drift report as arrays, without a model and a data set: thousands of comparisons take minutes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from ml_training.inference.schema import FeatureSchema
from ml_training.selection.index import ColumnKind
from ml_training.training.drift.exchanged_blocks import ExchangedBlocks
from ml_training.training.drift.feature_comparison import compare_feature
from ml_training.training.drift.report import judge, weights_of

Array = NDArray[np.float64]


def compare_numbers(training: Array, compared: Array, *, seed: int, threshold: float = 0.1) -> dict[str, Any]:
    """What a report says of numeric features of equal weight, named x0, x1, ...; (rows, features) each."""
    features = [FeatureSchema(f"x{at}", ColumnKind.NUMBER) for at in range(training.shape[1])]
    exchanged = ExchangedBlocks(seed=seed)
    found = [
        compare_feature(feature, training[:, at], compared[:, at], exchanged) for at, feature in enumerate(features)
    ]
    verdict = judge(found, weights_of(features, {}), threshold=threshold)
    return {**verdict, "features": [one.said for one in found]}


def wandering(random: np.random.Generator, rows: int, correlation: float, *, features: int = 3) -> Array:
    """Stationary processes of variance 1 whose rows depend on the row before: x(t) = correlation * x(t - 1) + noise."""
    values = random.normal(size=(rows, features))
    values[1:] *= np.sqrt(1 - correlation**2)
    filtered: Array = lfilter([1.0], [1.0, -correlation], values, axis=0)
    return filtered
