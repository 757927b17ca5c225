"""Prediction sets with 90 % hold the right class of 88 to 92 % of new rows, on real and on simulated data sets.

docs/jobs.md gives the figures of all ten data sets, which stand at the end of an exhaustive run.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import datasets

from ml_training.domain.conformal import HeldOutErrors
from ml_training.domain.predict_spec import PredictSpec
from ml_training.selection.index import IndexColumn
from ml_training.selection.plan import plan_predict
from ml_training.training import engine
from ml_training.training.cores import FixedCores
from tests.property.run_summary import NUMBERS
from tests.support.training_data import Recorder, category, job, number, table, trained

SPEC = PredictSpec(job_type="PREDICT", model_id=1, dataset_id=1, interval=0.9)
Rows = tuple[NDArray[np.float64], NDArray[np.int64]]


def simulated(rows: int, classes: int, *, noise: float, shares: Sequence[float] | None = None) -> Rows:
    """Numbers of which some tell the class, and rows with a class by chance."""
    return datasets.make_classification(  # type: ignore[no-any-return]
        rows, 12, n_informative=6, n_classes=classes, weights=shares, flip_y=noise, class_sep=0.8, random_state=5
    )


def real(load: Callable[..., Rows]) -> Rows:
    """A data set that is part of scikit-learn."""
    return load(return_X_y=True)


# The rows, the model type, and how many times they are shuffled and a model is trained.
CASES: dict[str, tuple[Callable[[], Rows], str, int]] = {
    "breast_cancer": (lambda: real(datasets.load_breast_cancer), "logistic_regression", 40),
    "wine": (lambda: real(datasets.load_wine), "logistic_regression", 40),
    "iris": (lambda: real(datasets.load_iris), "logistic_regression", 40),
    "digits": (lambda: real(datasets.load_digits), "logistic_regression", 20),
    "two classes, much noise": (lambda: simulated(8_000, 2, noise=0.4), "lightgbm", 5),
    "two classes, one of them rare": (lambda: simulated(8_000, 2, noise=0.1, shares=[0.95]), "lightgbm", 5),
    "two classes, no probabilities": (lambda: simulated(8_000, 2, noise=0.3), "ridge", 5),
    "five classes": (lambda: simulated(8_000, 5, noise=0.1), "lightgbm", 5),
    "ten classes, uneven": (
        lambda: simulated(8_000, 10, noise=0.2, shares=[0.28, 0.2] + [0.065] * 8),
        "logistic_regression",
        5,
    ),
    "half moons": (lambda: datasets.make_moons(8_000, noise=0.4, random_state=5), "hist_gradient_boosting", 5),
}
QUICK = ("wine", "two classes, no probabilities")


def columns(x: NDArray[np.float64], y: NDArray[np.int64]) -> list[IndexColumn]:
    return [*(number(f"x{code}", values) for code, values in enumerate(x.T)), category("y", [f"c{code}" for code in y])]


def sets_of_new_rows(directory: Path, rows: Rows, model_type: str, seed: int) -> tuple[NDArray[np.bool_], float]:
    """Which rows have the right class in their set, and the mean size of the sets.

    Three fifths of the rows train a model, half of these held out; the others are new to it.
    """
    x, y = rows
    order = np.random.default_rng(seed).permutation(len(y))
    known, fresh = np.split(order, [len(y) * 3 // 5])
    spec = job(model_type, validation={"method": "holdout", "test_size": 0.5}, random_state=seed)
    model = trained(spec, table(directory, *columns(x[known], y[known])))
    errors = HeldOutErrors.of_details(model.details)
    assert errors is not None
    loaded = engine.load_model(model.artifact, model_id=1)
    plan = plan_predict(SPEC, table(directory, *columns(x[fresh], y[fresh])), loaded.schema)
    limit = errors.largest_error(0.9)
    [found] = engine.predict(loaded, plan, reporter=Recorder(), cores=FixedCores(1), largest_error=limit)
    assert found.sets is not None
    assert loaded.schema.classes is not None
    right = np.array([loaded.schema.classes.index(f"c{code}") for code in y[fresh]])
    return found.sets[np.arange(len(right)), right], float(found.sets.sum(axis=1).mean())


@pytest.mark.parametrize(
    "case", [name if name in QUICK else pytest.param(name, marks=pytest.mark.exhaustive) for name in CASES]
)
def test_sets_of_90_percent_hold_the_right_class_of_88_to_92_percent_of_new_rows(
    case: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    rows, model_type, times = CASES[case]
    each = [sets_of_new_rows(tmp_path, rows(), model_type, seed) for seed in range(times)]
    coverage = float(np.mean(np.concatenate([covered for covered, _ in each])))
    size = float(np.mean([size for _, size in each]))
    record_property(NUMBERS, f"{case}, {model_type}: coverage {coverage:.3f}, mean size {size:.2f}")
    assert 0.88 <= coverage <= 0.92
