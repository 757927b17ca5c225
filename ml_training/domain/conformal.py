"""Prediction intervals of quantities and prediction sets of classes, from the errors of a model on held-out rows.

Split conformal prediction. Of n errors on rows that the model did not learn from, the one of rank
ceil((n + 1) * confidence) is the error that a new row does not exceed with that confidence, as long as new rows are
like the held-out ones.

* A quantity: Lei and others, "Distribution-free predictive inference for regression", Journal of the American
  Statistical Association 113, 2018. The error is |y - prediction|; the interval is the prediction +- that error.
* A class: Sadinle, Lei and Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", the same
  journal 114, 2019. The error of a class is 1 - its probability; the set is all classes with at most that error. Of the
  sets that hold the right class so often these are the smallest, if the probabilities are right.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LEAST_CONFIDENCE, MOST_CONFIDENCE = 0.5, 0.99
KEPT = 500  # errors that are kept of very many


@dataclass(frozen=True, slots=True)
class HeldOutErrors:
    """Some errors on held-out rows, absolute in data units, or of the right class: ranks, from 1, of `rows` errors."""

    rows: int
    ranks: Sequence[int]
    errors: Sequence[float]

    def largest_error(self, confidence: float) -> float | None:
        """What a new row does not exceed with this confidence; None when there are too few errors for so much.

        Of errors that were not kept the next larger kept one counts: the interval may be a little too wide.
        """
        wanted = wanted_rank(self.rows, confidence)
        return next((error for rank, error in zip(self.ranks, self.errors, strict=True) if rank >= wanted), None)

    def to_json(self) -> dict[str, Any]:
        """As it is stored in the details of a model."""
        return {"rows": self.rows, "ranks": list(self.ranks), "errors": list(self.errors)}

    @classmethod
    def of_details(cls, details: Mapping[str, Any]) -> "HeldOutErrors | None":
        """Those of a model; None for a model that an older version of the service trained."""
        found = details.get("held_out_errors")
        return None if found is None else cls(found["rows"], found["ranks"], found["errors"])


def wanted_rank(rows: int, confidence: float) -> int:
    """The rank, from 1, of the error that a new row does not exceed; more than `rows` when there are too few.

    >>> wanted_rank(99, 0.9), wanted_rank(8, 0.9)
    (90, 9)
    """
    return math.ceil((rows + 1) * confidence)


def kept_ranks(rows: int) -> list[int]:
    """The ranks of `rows` errors that are kept: all those that an interval may need, or some at even distances."""
    least = min(rows, max(1, wanted_rank(rows, LEAST_CONFIDENCE)))
    step = max(1, (rows - least) // KEPT)
    return sorted({rows, *range(least, rows + 1, step)}) if rows else []


def least_rows(confidence: float) -> int:
    """How many held-out rows an interval of this confidence needs.

    >>> least_rows(0.9), least_rows(0.99)
    (9, 99)
    """
    rows = 1
    while wanted_rank(rows, confidence) > rows:
        rows += 1
    return rows
