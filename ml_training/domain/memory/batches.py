"""Memory of a batch of rows while a model predicts them, and the width of the matrix that it learns from."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ml_training.domain.algorithms import ONE_HOT_CELLS, ONE_HOT_LIMIT, ModelType
from ml_training.domain.memory.facts import NUMBER, TrainingFacts

PART_CELLS, PART_ROWS = 1 << 17, (1 << 6, 1 << 13)  # see inference/pipeline_predictor.py
TREES = frozenset({ModelType.RANDOM_FOREST, ModelType.EXTRA_TREES})
# These take the matrix of features as it is.
NATIVE = frozenset({ModelType.LIGHTGBM, ModelType.XGBOOST, ModelType.HIST_GRADIENT_BOOSTING})


@dataclass(frozen=True, slots=True)
class InputShape:
    """What a model learnt from.

    rows: of its fit; categories: for each category feature its distinct texts, missing included; outputs: values that
    it predicts for a row.
    """

    rows: int
    features: int
    categories: tuple[int, ...]
    outputs: int

    @classmethod
    def of(cls, facts: TrainingFacts) -> "InputShape":
        """That of a training."""
        return cls(facts.fit_rows, facts.features, facts.categories, facts.outputs)


def encoded_width(model_type: ModelType, shape: InputShape) -> int:
    """Columns of the encoded matrix: see training/estimators/preprocessing.py."""
    if model_type in NATIVE:
        return shape.features
    left, width = ONE_HOT_CELLS // max(1, shape.rows), shape.features
    for categories in sorted(shape.categories):
        left -= min(categories, ONE_HOT_LIMIT)
        if left < 0 or (model_type in TREES and categories > ONE_HOT_LIMIT):
            break
        width += min(categories, ONE_HOT_LIMIT, shape.rows + 1) - 1
    return width


def batch_bytes(model_type: ModelType, shape: InputShape, rows: int, *, hidden: Sequence[int] = ()) -> int:
    """The features of a batch and what the model makes of them, beside the values that it predicts.

    hidden: the sizes of the hidden layers of a network.
    """
    values, width = NUMBER * shape.outputs, encoded_width(model_type, shape)
    features = NUMBER * shape.features
    if model_type in NATIVE:
        if model_type is ModelType.XGBOOST:
            return rows * (features + 3 * values)
        copies = 2 * features if shape.categories and model_type is not ModelType.LIGHTGBM else 0
        return rows * (features + copies + (1 if model_type is ModelType.LIGHTGBM else 2) * values)
    encoded = 0 if width == shape.features else 2 * NUMBER * width
    if model_type in TREES:
        return rows * (features + encoded + 4 * width + values)
    parts = part_rows(width) * NUMBER * (width + max(map(sum, pairwise([*hidden, shape.outputs])), default=0))
    return rows * (features + 3 * NUMBER * width + 2 * values) + parts


def part_rows(width: int) -> int:
    """How many rows a product has; a last part is filled up with zeros."""
    least, most = PART_ROWS
    wanted = max(1, PART_CELLS // width)
    return min(max(1 << (wanted.bit_length() - 1), least), most)
