"""What the memory of a job depends on."""

from dataclasses import dataclass

NUMBER = 8  # bytes of a float64


@dataclass(frozen=True, slots=True)
class TreeGrowth:
    """Leaves of fully grown trees: `leaves` with `rows` different rows, growing as rows ** exponent."""

    rows: int
    leaves: float
    exponent: float

    def leaves_of(self, rows: float) -> float:
        """Those of a tree that learns from that number of different rows; at least 1, at most one for each row."""
        expected = self.leaves * float((max(rows, 1.0) / self.rows) ** self.exponent)
        return min(max(expected, 1.0), max(rows, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFacts:
    """The data of a TRAIN job.

    rows: with a target; fit_rows: that the largest fit learns from, those made by SMOTE included; stop_rows: set aside
    for early stopping, calibration_rows: for calibration; held_out: the most that a split holds out, pooled: that all
    of them hold out together; classes: 0 for regression; categories: for each category feature its distinct texts,
    missing included; category_bytes: of those texts; distinct: values of some of the number features, in a sample;
    growth: of trees, for forests only.
    """

    rows: int
    fit_rows: int
    stop_rows: int
    held_out: int
    pooled: int
    splits: int
    features: int
    windows: int
    classes: int
    categories: tuple[int, ...]
    category_bytes: int
    distinct: tuple[int, ...] = ()
    has_smote: bool
    keeps_out_of_fold: bool
    growth: TreeGrowth | None = None
    calibration_rows: int = 0

    @property
    def outputs(self) -> int:
        """Values for each row that a model predicts: one for regression, one for each class."""
        return max(1, self.classes)

    @property
    def train_rows(self) -> int:
        """Real rows of the largest training part."""
        return min(self.rows, self.fit_rows + self.stop_rows + self.calibration_rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitMemory:
    """Bytes of one fit.

    model: the fitted model; fit: the most while it is fitted, the model included and the matrix of features not;
    pack: what storing it adds to the model; drivers: the parameters that make it large, the largest first.
    """

    model: int
    fit: int
    pack: int
    drivers: tuple[str, ...]
    has_matrix: bool = True  # whether the features are in memory as a matrix


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """The most bytes that a job takes, in which stage, and what to change in its spec to lower them."""

    bytes: int
    stage: str
    drivers: tuple[str, ...] = ()
