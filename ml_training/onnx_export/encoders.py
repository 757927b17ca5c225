"""What pipelines do between the model matrix and the estimator: categories become columns, numbers standard units."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.columns import ColumnKind
from ml_training.inference.schema import FeatureSchema
from ml_training.onnx_export.graph import INT64, Graph


def encoded(graph: Graph, matrix: str, encoder: Any, features: Sequence[FeatureSchema]) -> str:
    """The columns that a fitted ColumnTransformer of ours makes of the model matrix."""
    parts = []
    for name, step, columns in encoder.transformers_:
        if name == "categories":
            parts += _looked_up(graph, matrix, step, columns, features)
        elif name == "numbers":
            parts.append(_numbers(graph, graph.columns(matrix, columns), step))
    return graph.beside(parts)


def ordinal(graph: Graph, matrix: str, encoder: Any, features: Sequence[FeatureSchema]) -> str:
    """The columns that the preprocessor of histogram gradient boosting makes: codes first, then the numbers."""
    parts = []
    for name, step, columns in encoder.transformers_:
        at = np.flatnonzero(columns) if np.asarray(columns).dtype == bool else np.asarray(columns)
        if name == "encoder":
            parts += _looked_up(graph, matrix, step, at, features)
        elif len(at):
            parts.append(graph.columns(matrix, at))
    return graph.beside(parts)


def _numbers(graph: Graph, found: str, step: Any) -> str:
    if not hasattr(step, "named_steps"):  # the numbers of a forest stay as they are
        return found
    imputer, scaler = step.named_steps["impute"], step.named_steps["scale"]
    found = graph.node("Where", graph.node("IsNaN", found), graph.constant(imputer.statistics_), found)
    centred = graph.node("Sub", found, graph.constant(scaler.mean_))
    return graph.node("Div", centred, graph.constant(scaler.scale_))


def _looked_up(
    graph: Graph, matrix: str, encoder: Any, columns: Sequence[int] | NDArray[Any], features: Sequence[FeatureSchema]
) -> list[str]:
    """For each column of codes what the encoder makes of a code: asked once for all codes, kept as a table."""
    known = [_codes(features[at]) for at in columns]
    rows = max(len(codes) for codes in known)
    probe = np.column_stack([np.concatenate([codes, np.full(rows - len(codes), np.nan)]) for codes in known])
    answers = np.asarray(encoder.transform(probe), dtype=np.float64)
    ends = np.cumsum(_widths(encoder))
    parts = []
    for at, codes, table in zip(columns, known, np.split(answers, ends[:-1], axis=1), strict=True):
        code = graph.node("Squeeze", graph.columns(matrix, [at]), graph.constant(np.array([1], dtype=np.int64)))
        missing = graph.node("IsNaN", code)
        position = graph.cast(graph.node("Where", missing, graph.constant(float(len(codes) - 1)), code), INT64)
        parts.append(graph.node("Gather", graph.constant(table[: len(codes)]), position, axis=0))
    return parts


def _codes(feature: FeatureSchema) -> NDArray[np.float64]:
    """All codes of a feature, and at last the missing one."""
    many = len(feature.categories) if feature.kind is ColumnKind.CATEGORY else 0
    return np.append(np.arange(many, dtype=np.float64), np.nan)


def _widths(encoder: Any) -> list[int]:
    """How many columns each column of codes becomes: several with a OneHotEncoder, one with an OrdinalEncoder."""
    return getattr(encoder, "_n_features_outs", None) or [1] * encoder.n_features_in_
