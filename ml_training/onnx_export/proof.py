"""Compares what an ONNX model predicts with what the model itself predicts."""

from dataclasses import dataclass

import numpy as np
import onnxruntime

from ml_training.inference.columns import ColumnKind
from ml_training.inference.fitted_model import FittedModel, class_labels, likeliest
from ml_training.inference.matrix import LARGEST, Matrix
from ml_training.onnx_export.inputs import feeds

SPOILT_FEATURES = 200  # of which one row each has no value, and one a huge one
BEYOND = 1e300  # the model reads a number beyond the range of float32 as its end
EQUAL = 1e-5  # classes whose values differ by less may change places


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared.

    largest_difference: of a probability or score; of a quantity as a share of the largest prediction of the rows that
    were given, or of the prediction itself if that is larger. other_labels: rows with another class.
    """

    rows: int
    largest_difference: float
    other_labels: int

    def to_metadata(self) -> dict[str, str]:
        """As the ONNX model keeps it."""
        return {"compared_rows": str(self.rows), "largest_difference": repr(self.largest_difference)}


def prove(model: bytes, fitted: FittedModel, rows: Matrix) -> Proof:
    """Compare on these rows, and on copies of them with missing and huge values; rows: model matrices, at least one."""
    given = np.concatenate([rows, _spoilt(rows, fitted)])
    expected = fitted.values(np.clip(given, -LARGEST, LARGEST), threads=1)
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, quiet, providers=["CPUExecutionProvider"])
    found = session.run(None, feeds(fitted.schema.features, given))
    if fitted.schema.classes is None:
        usual = float(np.abs(expected[: len(rows)]).max()) or 1.0
        share = np.abs(found[0] - expected) / np.maximum(np.abs(expected), usual)
        return Proof(len(given), float(share.max()), 0)
    labels, values = found
    right = class_labels(likeliest(expected), fitted.schema.classes)
    best = np.sort(expected, axis=1)
    is_clear = best[:, -1] - best[:, -2] > EQUAL
    difference = float(np.abs(values - expected).max())
    return Proof(len(given), difference, int(np.sum((labels != right) & is_clear)))


def _spoilt(rows: Matrix, fitted: FittedModel) -> Matrix:
    """Rows of which one feature is missing, or huge where it is a number."""
    changes = []
    for at, feature in enumerate(fitted.schema.features[:SPOILT_FEATURES]):
        ends = [np.nan] if feature.kind is ColumnKind.CATEGORY else [np.nan, BEYOND, -BEYOND]
        changes += [(at, value) for value in ends]
    found = rows[np.arange(len(changes)) % len(rows)].copy()
    for row, (at, value) in enumerate(changes):
        found[row, at] = value
    return found
