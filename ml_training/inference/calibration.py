"""Calibrated probabilities: what the scores of a classifier were worth on rows that it had not learnt from.

Two classes have one curve, for the second of them; more have one each, against the rest, and the probabilities of a row
are divided by their sum. A sigmoid is Platt's scaling ("Probabilistic outputs for support vector machines", 1999) of
a score, or of the log-odds of a probability; an isotonic curve goes straight between its points (Zadrozny
and Elkan, "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

LEAST = 1e-6  # log-odds are those of probabilities from here to 1 minus this
SIGMOID, ISOTONIC = "sigmoid", "isotonic"
Values = NDArray[np.float64]


class Curve(Protocol):
    """How the score of a class becomes its probability."""

    def chances(self, scores: Values) -> Values:
        """One probability for each score; each depends on that score alone."""

    def to_json(self) -> dict[str, Any]:
        """The curve as it is stored in the manifest of a model."""


@dataclass(frozen=True, slots=True)
class SigmoidCurve:
    """1 / (1 + exp(-(slope * score + intercept))); log_odds: whether the score is taken as a probability first."""

    slope: float
    intercept: float
    log_odds: bool

    def chances(self, scores: Values) -> Values:
        """See Curve."""
        line = self.slope * (log_odds(scores) if self.log_odds else np.ascontiguousarray(scores)) + self.intercept
        with np.errstate(over="ignore"):
            return 1.0 / (1.0 + np.exp(-line))

    def to_json(self) -> dict[str, Any]:
        """See Curve."""
        return {"slope": self.slope, "intercept": self.intercept, "log_odds": self.log_odds}


@dataclass(frozen=True, slots=True, eq=False)
class IsotonicCurve:
    """Points whose scores and probabilities ascend; beyond them the probability of the first or the last one."""

    scores: Values
    probabilities: Values

    def chances(self, scores: Values) -> Values:
        """See Curve."""
        return np.asarray(np.interp(scores, self.scores, self.probabilities))

    def to_json(self) -> dict[str, Any]:
        """See Curve."""
        return {"scores": self.scores.tolist(), "probabilities": self.probabilities.tolist()}


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The curves of a model: one for each class that it knows, or of two classes that of the second one."""

    method: str
    curves: tuple[Curve, ...]

    def probabilities(self, values: Values) -> Values:
        """Probabilities, of shape (rows, classes that the model knows), of what its predictor says."""
        if len(self.curves) == 1:
            second = self.curves[0].chances(values[:, 1])
            return np.column_stack([1.0 - second, second])
        found = np.column_stack([curve.chances(values[:, at]) for at, curve in enumerate(self.curves)])
        total = found[:, 0].copy()
        for column in found.T[1:]:  # class by class, so that a row alone is added up as it is among others
            total += column
        nothing = total == 0
        found[nothing] = 1.0
        total[nothing] = found.shape[1]
        return np.asarray(found / total[:, None])

    def to_json(self) -> dict[str, Any]:
        """The calibration as it is stored in the manifest of a model."""
        return {"method": self.method, "curves": [curve.to_json() for curve in self.curves]}

    @classmethod
    def from_json(cls, body: Mapping[str, Any], *, classes: int) -> "Calibration":
        """The reverse of `to_json`; raises KeyError, TypeError or ValueError when it does not fit the classes."""
        curves = tuple(_curve(body["method"], one) for one in body["curves"])
        if len(curves) != (1 if classes == 2 else classes):
            raise ValueError(f"{len(curves)} curves do not calibrate {classes} classes")
        return cls(body["method"], curves)


def log_odds(chances: Values) -> Values:
    """log(p / (1 - p)) of probabilities, which are kept away from 0 and 1."""
    kept = np.clip(np.ascontiguousarray(chances), LEAST, 1.0 - LEAST)
    return np.asarray(np.log(kept / (1.0 - kept)))


def _curve(method: str, body: Mapping[str, Any]) -> Curve:
    if method == SIGMOID:
        return SigmoidCurve(float(body["slope"]), float(body["intercept"]), bool(body["log_odds"]))
    if method != ISOTONIC:
        raise ValueError(f"the calibration {method!r} is not known")
    scores, chances = (np.asarray(body[name], dtype=np.float64) for name in ("scores", "probabilities"))
    if not len(scores) or scores.shape != chances.shape or (np.diff(scores) <= 0).any():
        raise ValueError("the points of a calibration do not ascend")
    return IsotonicCurve(scores, chances)
