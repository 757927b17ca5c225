"""From what the estimator says to what a user reads: units of the data, calibrated probabilities, labels."""

from typing import Any

import numpy as np

from ml_training.inference.archive import ModelArchive
from ml_training.inference.calibration import LEAST, Calibration, IsotonicCurve, SigmoidCurve
from ml_training.inference.errors import ExportError
from ml_training.inference.schema import ClassLabel
from ml_training.inference.target_scaling import LARGEST, TargetScale
from ml_training.onnx_export.graph import BOOL, DOUBLE, INT64, STRING, Graph

ALL = np.array([1], dtype=np.int64)  # the axis of the classes


def add_quantity(graph: Graph, raw: str, scale: TargetScale) -> None:
    """The output `prediction`, of shape (rows,)."""
    found = graph.node("Squeeze", raw, graph.constant(ALL))
    if scale != TargetScale():
        scaled = graph.node("Mul", found, graph.constant(scale.scale))
        found = graph.node("Add", scaled, graph.constant(scale.shift))
        found = graph.node("Clip", found, graph.constant(-LARGEST), graph.constant(LARGEST))
    graph.output("prediction", found, DOUBLE)


def add_classes(
    graph: Graph, raw: str, content: ModelArchive, classes: tuple[ClassLabel, ...], *, is_probabilistic: bool
) -> None:
    """The outputs `label`, of shape (rows,), and `probabilities` or `scores`, of shape (rows, classes)."""
    if content.calibration is not None:
        raw, is_probabilistic = _calibrated(graph, raw, content.calibration), True
    values = _all_classes(graph, raw, content.known_classes, len(classes), probabilistic=is_probabilistic)
    likeliest = graph.node("ArgMax", values, axis=1, keepdims=0)
    labels, element_type = _labels(classes)
    graph.output("label", graph.node("Gather", graph.constant(labels), likeliest), element_type)
    graph.output("probabilities" if is_probabilistic else "scores", values, DOUBLE, len(classes))


def _labels(classes: tuple[ClassLabel, ...]) -> tuple[Any, int]:
    if isinstance(classes[0], str):
        return np.array(classes, dtype=object), STRING
    labels = np.array(classes)
    types = {"b": (labels, BOOL), "i": (labels.astype(np.int64), INT64), "f": (labels, DOUBLE)}
    return types[labels.dtype.kind]


def _all_classes(graph: Graph, values: str, known: tuple[int, ...], classes: int, *, probabilistic: bool) -> str:
    """As `known_classes.to_all_classes`."""
    if len(known) == classes:
        return values
    lowest = graph.node("ReduceMin", values, graph.constant(ALL), keepdims=1)
    if probabilistic:
        unknown = graph.node("Mul", lowest, graph.constant(0.0))
    else:
        unknown = graph.node("Sub", lowest, graph.constant(1.0))
    place = {code: at for at, code in enumerate(known)}
    return graph.columns(graph.beside([values, unknown]), [place.get(code, len(known)) for code in range(classes)])


def _calibrated(graph: Graph, values: str, calibration: Calibration) -> str:
    """As `Calibration.probabilities`."""
    if len(calibration.curves) == 1:
        second = _curve(graph, graph.columns(values, [1]), calibration.curves[0])
        return graph.beside([graph.node("Sub", graph.constant(1.0), second), second])
    found = graph.beside(
        [_curve(graph, graph.columns(values, [at]), curve) for at, curve in enumerate(calibration.curves)]
    )
    total = graph.node("ReduceSum", found, graph.constant(ALL), keepdims=1)
    nothing = graph.node("Equal", total, graph.constant(0.0))
    found = graph.node("Where", nothing, graph.constant(1.0), found)
    total = graph.node("Where", nothing, graph.constant(float(len(calibration.curves))), total)
    return graph.node("Div", found, total)


def _curve(graph: Graph, scores: str, curve: Any) -> str:
    if isinstance(curve, SigmoidCurve):
        return _sigmoid(graph, scores, curve)
    if isinstance(curve, IsotonicCurve):
        return _between_points(graph, scores, curve)
    raise ExportError(f"a calibration by {type(curve).__name__} cannot be written as ONNX")


def _sigmoid(graph: Graph, scores: str, curve: SigmoidCurve) -> str:
    if curve.log_odds:
        kept = graph.node("Clip", scores, graph.constant(LEAST), graph.constant(1.0 - LEAST))
        scores = graph.node("Log", graph.node("Div", kept, graph.node("Sub", graph.constant(1.0), kept)))
    line = graph.node("Add", graph.node("Mul", scores, graph.constant(curve.slope)), graph.constant(curve.intercept))
    return graph.node("Sigmoid", line)


def _between_points(graph: Graph, scores: str, curve: IsotonicCurve) -> str:
    """Linear between the points: from the last one that is not above the score."""
    steps = np.append(np.diff(curve.probabilities) / np.diff(curve.scores), 0.0)
    is_reached = graph.cast(graph.node("GreaterOrEqual", scores, graph.constant(curve.scores)), INT64)
    reached = graph.node("ReduceSum", is_reached, graph.constant(ALL), keepdims=1)
    last = graph.node("Sub", reached, graph.constant(np.int64(1)))
    at = graph.node("Max", last, graph.constant(np.int64(0)))  # below the first point
    start, base, slope = (
        graph.node("Gather", graph.constant(values), at) for values in (curve.scores, curve.probabilities, steps)
    )
    beyond = graph.node("Max", graph.node("Sub", scores, start), graph.constant(0.0))
    return graph.node("Add", base, graph.node("Mul", beyond, slope))
