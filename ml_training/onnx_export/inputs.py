"""The inputs of the ONNX model, one for each column of the user, and the model matrix that is made of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.columns import ColumnKind
from ml_training.inference.matrix import LARGEST, Matrix
from ml_training.inference.schema import FeatureSchema
from ml_training.onnx_export.graph import DOUBLE, ML_DOMAIN, STRING, Graph

MISSING_TEXT = ""


def add_inputs(graph: Graph, features: Sequence[FeatureSchema]) -> str:
    """The model matrix, of shape (rows, features) in double; missing is NaN, as in `MatrixReader`."""
    return graph.beside([_category(graph, one) if _is_category(one) else _number(graph, one) for one in features])


def feeds(features: Sequence[FeatureSchema], matrix: Matrix) -> Mapping[str, NDArray[Any]]:
    """The inputs that lead to a model matrix."""
    return {
        feature.name: _texts(feature, column) if _is_category(feature) else column[:, None]
        for feature, column in zip(features, matrix.T, strict=True)
    }


def _is_category(feature: FeatureSchema) -> bool:
    return feature.kind is ColumnKind.CATEGORY


def _number(graph: Graph, feature: FeatureSchema) -> str:
    found = graph.input(feature.name, DOUBLE)
    found = graph.node("Where", graph.node("IsInf", found), graph.constant(np.nan), found)
    for compare, end in (("Greater", LARGEST), ("Less", -LARGEST)):
        limit = graph.constant(end)
        found = graph.node("Where", graph.node(compare, found, limit), limit, found)
    return found


def _category(graph: Graph, feature: FeatureSchema) -> str:
    text = graph.input(feature.name, STRING)
    known = list(feature.categories) or [MISSING_TEXT]
    codes = np.arange(len(known), dtype=np.float64) if feature.categories else np.array([np.nan])
    code = graph.node(
        "LabelEncoder",
        text,
        domain=ML_DOMAIN,
        keys_strings=known,
        values_floats=codes.tolist(),
        default_float=float("nan"),
    )
    return graph.cast(code, DOUBLE)


def _texts(feature: FeatureSchema, codes: NDArray[np.float64]) -> NDArray[Any]:
    known = np.array([*feature.categories, MISSING_TEXT], dtype=object)
    return np.asarray(known[np.where(np.isnan(codes), -1, codes).astype(np.int64)])[:, None]
