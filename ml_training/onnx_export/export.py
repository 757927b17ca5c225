"""Turns the archive of a model into an ONNX model, and proves on rows that it predicts the same."""

from dataclasses import dataclass

import numpy as np
import onnx

from ml_training.inference.archive import ModelArchive, read_archive
from ml_training.inference.errors import ExportError
from ml_training.inference.load import load_fitted
from ml_training.inference.matrix import MatrixReader
from ml_training.inference.model_table import read_table
from ml_training.inference.table import Table
from ml_training.onnx_export.estimators import add_estimator
from ml_training.onnx_export.graph import LARGEST_FILE, Graph
from ml_training.onnx_export.inputs import add_inputs
from ml_training.onnx_export.outputs import add_classes, add_quantity
from ml_training.onnx_export.proof import Proof, prove

MOST_ROWS = 10_000  # that are compared


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """The bytes of an ONNX model, and what it was compared with."""

    content: bytes
    proof: Proof


def to_onnx(archive: bytes, table: Table, *, most_difference: float) -> OnnxModel:
    """The model of an archive as ONNX, compared on the first MOST_ROWS rows of a user's table.

    Raises ExportError when the model cannot be written as ONNX, when the table has no rows, or when a prediction
    differs by more than `most_difference`: see Proof. Raises as `load_fitted` and `read_table`.
    """
    content = read_archive(archive)
    if content.schema.has_windows:
        raise ExportError(
            "a model with windows reads the rows before a row, and an ONNX model sees one row alone: "
            "train without windows, or load the archive with ml_training.client"
        )
    fitted = load_fitted(content)
    source = read_table(table, content.schema)
    if not source.rows:
        raise ExportError("the table has no rows to compare the ONNX model on")
    rows = MatrixReader(source, content.schema.features).read(np.arange(min(source.rows, MOST_ROWS)))
    model = _model(content, is_probabilistic=fitted.predictor.probabilistic)
    proof = prove(model.SerializeToString(), fitted, rows)
    if not proof.largest_difference <= most_difference or proof.other_labels:
        raise ExportError(
            f"the ONNX model predicts something else: of {proof.rows:,} rows {proof.other_labels:,} get another class, "
            f"and the largest difference is {proof.largest_difference:.3g}, where {most_difference:g} is allowed"
        )
    for name, value in proof.to_metadata().items():
        model.metadata_props.add(key=name, value=value)
    return OnnxModel(model.SerializeToString(), proof)


def _model(content: ModelArchive, *, is_probabilistic: bool) -> onnx.ModelProto:
    schema = content.schema
    graph = Graph(feature.name for feature in schema.features)
    raw = add_estimator(graph, add_inputs(graph, schema.features), content)
    if schema.classes is None:
        add_quantity(graph, raw, content.scale)
    else:
        add_classes(graph, raw, content, schema.classes, is_probabilistic=is_probabilistic)
    model = graph.build({"model_type": content.model_type, "task": schema.task.value})
    if model.ByteSize() > LARGEST_FILE:
        raise ExportError(f"the ONNX model would have {model.ByteSize():,} bytes, and {LARGEST_FILE:,} are possible")
    onnx.checker.check_model(model)
    return model
