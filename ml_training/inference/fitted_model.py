"""A fitted model as the engine and the client use it: from the model matrix to numbers and classes in data units."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ml_training.inference.calibration import Calibration
from ml_training.inference.known_classes import to_all_classes
from ml_training.inference.matrix import Matrix, MatrixReader
from ml_training.inference.model_table import ModelTable
from ml_training.inference.schema import ClassLabel, PredictionSchema
from ml_training.inference.target_scaling import TargetScale

ROWS_PER_BATCH = 50_000


class MatrixPredictor(Protocol):
    """A fitted model of a library."""

    probabilistic: bool  # whether its class scores are probabilities

    def predict(self, x: Matrix, *, threads: int) -> NDArray[Any]:
        """Regression: (rows,); classification: (rows, classes that it knows), the larger the likelier.

        The values of a row depend on that row alone, bit for bit: not on the other rows, and not on the threads.
        """


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A predictor with what turns its values into those of the data.

    known_classes: the codes, ascending, of the classes that it was fitted on; () for regression. calibration: what
    makes probabilities of the scores of these classes; None leaves them as they are.
    """

    schema: PredictionSchema
    predictor: MatrixPredictor
    scale: TargetScale
    known_classes: tuple[int, ...] = ()
    calibration: Calibration | None = None

    @property
    def probabilistic(self) -> bool:
        """Whether the values of classes are probabilities."""
        return self.predictor.probabilistic or self.calibration is not None

    def values(self, x: Matrix, *, threads: int) -> NDArray[np.float64]:
        """Regression: (rows,) in data units; classification: (rows, classes) in the order of the schema's classes."""
        if not len(x):
            return np.empty(0 if self.schema.classes is None else (0, len(self.schema.classes)))
        raw = np.asarray(self.predictor.predict(x, threads=threads), dtype=np.float64)
        if self.schema.classes is None:
            return self.scale.to_data_units(raw)
        if self.calibration is not None:
            raw = self.calibration.probabilities(raw)
        classes = len(self.schema.classes)
        return to_all_classes(raw, self.known_classes, classes=classes, probabilistic=self.probabilistic)

    def table_values(self, table: ModelTable, *, threads: int) -> NDArray[np.float64]:
        """`values` of every row of a table; at most ROWS_PER_BATCH rows are in memory as a matrix."""
        reader = MatrixReader(table, self.schema.features)
        rows = np.arange(table.rows)
        parts = [self.values(reader.read(part), threads=threads) for part in _batches(rows)]
        return np.concatenate(parts)


def _batches(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Parts of at most ROWS_PER_BATCH; one empty part of no rows."""
    return (rows[start : start + ROWS_PER_BATCH] for start in range(0, max(1, len(rows)), ROWS_PER_BATCH))


def likeliest(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The code of the likeliest class of each row; ties go to the lower code."""
    codes: NDArray[np.int64] = np.argmax(values, axis=1)
    return codes


def class_labels(codes: NDArray[np.int64], classes: tuple[ClassLabel, ...]) -> NDArray[Any]:
    """The classes of these codes as users know them: texts as objects, else booleans, integers or numbers."""
    labels = np.array(classes, dtype=object if isinstance(classes[0], str) else None)
    found: NDArray[Any] = labels[codes]
    return found
