"""Memory of the models that learn from one-hot columns: linear models and the multi-layer perceptron."""

from itertools import pairwise
from typing import Any

from ml_training.domain.algorithms import ModelType
from ml_training.domain.memory.batches import InputShape, encoded_width
from ml_training.domain.memory.facts import NUMBER, FitMemory, TrainingFacts

LBFGS_COPIES = 27  # of the coefficients: ten pairs of corrections, gradients and directions
ADAM_COPIES = 7  # of the weights: gradients, two moments, updates and what they are made from
CURVE_ROWS = 10_000  # held-out rows whose loss each epoch shows
COMPRESSED_COPIES = 3


def logistic_regression(facts: TrainingFacts, params: dict[str, Any], *, threads: int) -> FitMemory:
    """The encoded matrix, the scores of all rows, and the coefficients, of which L-BFGS keeps ten corrections."""
    width, rows = _width(facts), facts.fit_rows
    outputs = facts.classes if facts.classes > 2 else 1
    coefficients = NUMBER * (width + 1) * outputs
    scores = rows * outputs * NUMBER
    solver = 6 * coefficients + 2 * scores if params["l1_ratio"] > 0 else LBFGS_COPIES * coefficients + 3 * scores
    return _linear(facts, coefficients, max(_encoding(facts, width), _encoded(facts, width) + solver))


def ridge(facts: TrainingFacts, params: dict[str, Any], *, threads: int) -> FitMemory:
    """The encoded matrix, a checked and a centred copy, and the products of columns, or of rows if there are fewer."""
    width, rows = _width(facts), facts.fit_rows
    outputs = facts.outputs
    coefficients = NUMBER * (width + 1) * outputs
    products = 2 * NUMBER * min(width, rows) ** 2
    targets = 5 * NUMBER * rows * outputs
    solver = 2 * NUMBER * rows * width + products + targets + 3 * coefficients
    return _linear(facts, coefficients, max(_encoding(facts, width), _encoded(facts, width) + solver))


def mlp(facts: TrainingFacts, params: dict[str, Any], *, threads: int) -> FitMemory:
    """The encoded matrix, the weights with what Adam keeps for each, and the activations of a batch."""
    width, rows = _width(facts), facts.fit_rows
    outputs = facts.classes if facts.classes > 2 else 1
    sizes = [width, *params["hidden_layer_sizes"], outputs]
    weights = NUMBER * sum((before + 1) * after for before, after in pairwise(sizes))
    batch = min(params["batch_size"], rows)
    evaluated = max(min(facts.held_out, CURVE_ROWS), facts.stop_rows)
    pass_through = NUMBER * max(before + after for before, after in pairwise(sizes[1:] or sizes))
    activations = 3 * NUMBER * batch * sum(sizes)  # of both directions, and of a step in between
    targets = NUMBER * rows * outputs
    kept = weights if facts.stop_rows else 0
    losses = evaluated * (NUMBER * 2 * width + pass_through + 4 * NUMBER * outputs)
    learning = _encoded(facts, width) + ADAM_COPIES * weights + kept + targets + max(activations, losses)
    return FitMemory(
        model=weights,
        fit=max(_encoding(facts, width) + weights, learning),
        pack=COMPRESSED_COPIES * weights,
        drivers=("hidden_layer_sizes",),
    )


def _encoded(facts: TrainingFacts, width: int) -> int:
    return NUMBER * facts.fit_rows * width


def _encoding(facts: TrainingFacts, width: int) -> int:
    """The parts of the encoded matrix and the whole, and the codes of the categories."""
    return 2 * _encoded(facts, width) + facts.fit_rows * (25 * len(facts.categories) + NUMBER * facts.features)


def _width(facts: TrainingFacts) -> int:
    return encoded_width(ModelType.MLP, InputShape.of(facts))


def _linear(facts: TrainingFacts, coefficients: int, fit: int) -> FitMemory:
    return FitMemory(
        model=coefficients,
        fit=fit + coefficients,
        pack=COMPRESSED_COPIES * coefficients,
        drivers=(),
    )
