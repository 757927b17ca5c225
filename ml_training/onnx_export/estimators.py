"""For each kind of model: from the model matrix to what its predictor says, of shape (rows, known classes or 1)."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ml_training.domain.states import TaskKind
from ml_training.inference.archive import LIGHTGBM, XGBOOST, ModelArchive
from ml_training.inference.known_classes import task_for
from ml_training.inference.pipeline_predictor import load_pipeline
from ml_training.inference.schema import FeatureSchema
from ml_training.inference.xgboost_predictor import load_booster
from ml_training.onnx_export import light_gbm_trees, xgboost_trees
from ml_training.onnx_export.encoders import encoded, ordinal
from ml_training.onnx_export.graph import DOUBLE, FLOAT, Graph
from ml_training.onnx_export.scikit_trees import add_boosted_tree, add_forest_tree
from ml_training.onnx_export.tree_ensemble import TreeEnsemble

ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "softmax": "Softmax"}


def add_estimator(graph: Graph, matrix: str, content: ModelArchive) -> str:
    """What the predictor of the archive says of each row, in double."""
    schema, known = content.schema, content.known_classes
    task = task_for(schema.task, known)
    artifact_format = content.manifest["artifact_format"]
    if artifact_format in BOOSTERS:
        return BOOSTERS[artifact_format](graph, matrix, content.payload, task, len(known))
    *steps, (_, estimator) = load_pipeline(content.payload, content.model_type).steps
    for _, encoder in steps:
        matrix = encoded(graph, matrix, encoder, schema.features)
    return ESTIMATORS[content.model_type](graph, matrix, estimator, task, schema.features)


def _light_gbm(graph: Graph, matrix: str, payload: bytes, task: TaskKind, classes: int) -> str:
    ensemble = TreeEnsemble(classes if task is TaskKind.MULTICLASS else 1)
    light_gbm_trees.add_trees(ensemble, payload.decode())
    return _linked(graph, ensemble.add_to(graph, matrix), task)


def _xgboost(graph: Graph, matrix: str, payload: bytes, task: TaskKind, classes: int) -> str:
    learner = json.loads(bytes(load_booster(payload).save_raw("json")))["learner"]
    ensemble = TreeEnsemble(classes if task is TaskKind.MULTICLASS else 1, np.float32)
    xgboost_trees.add_trees(ensemble, learner)
    sums = ensemble.add_to(graph, graph.cast(matrix, FLOAT))
    margin = graph.node("Add", sums, graph.constant(xgboost_trees.intercepts(learner)))
    if task is TaskKind.REGRESSION:
        return graph.cast(margin, DOUBLE)
    if task is TaskKind.BINARY:
        return _both(graph, graph.cast(graph.node("Sigmoid", margin), DOUBLE))
    return _shares(graph, graph.cast(graph.node("Softmax", margin, axis=1), DOUBLE))


def _forest(graph: Graph, matrix: str, forest: Any, task: TaskKind, _features: Sequence[FeatureSchema]) -> str:
    classes = 0 if task is TaskKind.REGRESSION else len(forest.classes_)
    # Of two classes the second is enough. The operator has one target a leaf: more classes are as many trees.
    chosen = [0] if classes == 0 else [1] if classes == 2 else list(range(classes))
    ensemble = TreeEnsemble(len(chosen))
    for fitted in forest.estimators_:
        for target, value in enumerate(chosen):
            add_forest_tree(ensemble, fitted.tree_, fitted.tree_.value[:, 0, value], target)
    single = graph.cast(graph.cast(matrix, FLOAT), DOUBLE)  # the library compares numbers in single precision
    sums = ensemble.add_to(graph, single)
    means = graph.node("Div", sums, graph.constant(float(len(forest.estimators_))))
    return _both(graph, means) if classes == 2 else means


def _boosting(graph: Graph, matrix: str, model: Any, task: TaskKind, features: Sequence[FeatureSchema]) -> str:
    if model.is_categorical_ is not None:
        matrix = ordinal(graph, matrix, model._preprocessor, features)
    ensemble = TreeEnsemble(model.n_trees_per_iteration_)
    for trees in model._predictors:
        for target, predictor in enumerate(trees):
            add_boosted_tree(ensemble, predictor, target)
    raw = graph.node("Add", ensemble.add_to(graph, matrix), graph.constant(np.ravel(model._baseline_prediction)))
    return _linked(graph, raw, task)


def _linear(graph: Graph, matrix: str, model: Any, task: TaskKind, _features: Sequence[FeatureSchema]) -> str:
    weights = graph.constant(np.atleast_2d(model.coef_).T)
    found = graph.node("Add", graph.node("MatMul", matrix, weights), graph.constant(np.ravel(model.intercept_)))
    if hasattr(model, "predict_proba"):
        return _linked(graph, found, task)
    return graph.beside([graph.node("Neg", found), found]) if task is TaskKind.BINARY else found


def _network(graph: Graph, matrix: str, model: Any, task: TaskKind, _features: Sequence[FeatureSchema]) -> str:
    last = len(model.coefs_) - 1
    for at, (weights, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        product = graph.node("MatMul", matrix, graph.constant(np.asarray(weights, dtype=np.float64)))
        matrix = graph.node("Add", product, graph.constant(np.asarray(bias, dtype=np.float64)))
        activation = ACTIVATIONS.get(model.out_activation_ if at == last else model.activation)
        if activation is not None:
            matrix = graph.node(activation, matrix)
    return _both(graph, matrix) if task is TaskKind.BINARY else matrix


def _linked(graph: Graph, raw: str, task: TaskKind) -> str:
    """Probabilities of log-odds; numbers stay as they are."""
    if task is TaskKind.REGRESSION:
        return raw
    if task is TaskKind.BINARY:
        return _both(graph, graph.node("Sigmoid", raw))
    return graph.node("Softmax", raw, axis=1)


def _both(graph: Graph, second: str) -> str:
    """The probabilities of two classes, from that of the second."""
    return graph.beside([graph.node("Sub", graph.constant(1.0), second), second])


def _shares(graph: Graph, chances: str) -> str:
    axis = graph.constant(np.array([1], dtype=np.int64))
    return graph.node("Div", chances, graph.node("ReduceSum", chances, axis, keepdims=1))


Booster = Callable[[Graph, str, bytes, TaskKind, int], str]
Estimator = Callable[[Graph, str, Any, TaskKind, Sequence[FeatureSchema]], str]
BOOSTERS: Mapping[str, Booster] = {LIGHTGBM: _light_gbm, XGBOOST: _xgboost}
ESTIMATORS: Mapping[str, Estimator] = {
    "random_forest": _forest,
    "extra_trees": _forest,
    "hist_gradient_boosting": _boosting,
    "logistic_regression": _linear,
    "ridge": _linear,
    "mlp": _network,
}
