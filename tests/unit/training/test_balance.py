"""Classes of unequal size: weights and made-up rows, of the rows fitted and of nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE

from ml_training.domain.algorithms import ModelType
from ml_training.inference.threads import limit_threads
from ml_training.selection.index import ColumnKind, IndexColumn
from ml_training.selection.index_writer import write_index
from ml_training.training import fitting
from ml_training.training.balance import balanced
from ml_training.training.estimators.base import FitInputs, FitResult, LabelledRows
from tests.support.training_data import category, integer, job, number, table, trained

RANDOM = np.random.default_rng(2)
X = np.asfortranarray(RANDOM.normal(size=(60, 3)))
Y = np.array([0] * 45 + [1] * 12 + [2] * 3, dtype=np.int32)


def test_weights_make_every_class_weigh_the_same() -> None:
    part = balanced(LabelledRows(X, Y), "weights", categories=[], random_state=0)
    assert part.weights is not None
    assert np.bincount(Y, weights=part.weights) == pytest.approx([20, 20, 20])
    assert part.x is X
    assert balanced(LabelledRows(X, Y), "none", categories=[], random_state=0).weights is None


def test_made_rows_lie_between_their_class_and_the_real_ones_stay_as_they_are() -> None:
    part = balanced(LabelledRows(X, Y), "smote", categories=[], random_state=5)
    assert np.bincount(part.y).tolist() == [45, 45, 45]
    np.testing.assert_array_equal(part.x[:60], X)
    for code in (1, 2):
        made, real = part.x[60:][part.y[60:] == code], X[code == Y]
        assert (made >= real.min(axis=0)).all()
        assert (made <= real.max(axis=0)).all()
    plain, _ = SMOTE(k_neighbors=2, random_state=5).fit_resample(X, Y)
    np.testing.assert_array_equal(part.x, plain)


@pytest.mark.parametrize("categories", [[1], [0, 1, 2]])
def test_made_rows_have_categories_that_exist_and_no_missing_values(categories: list[int]) -> None:
    x = X.copy(order="F")
    for column in categories:
        x[:, column] = RANDOM.integers(0, 4, 60)
    x[RANDOM.random((60, 3)) < 0.2] = np.nan
    part = balanced(LabelledRows(x, Y), "smote", categories=categories, random_state=5)
    np.testing.assert_array_equal(part.x[:60], x)
    made = part.x[60:]
    assert not np.isnan(made).any()
    assert np.isin(made[:, categories], np.arange(4)).all()


def test_made_rows_are_the_same_with_any_number_of_threads() -> None:
    x = np.asfortranarray(RANDOM.integers(0, 3, (1_500, 40)).astype(np.float64))  # many neighbours equally near
    y = (np.arange(1_500) % 3 == 0).astype(np.int32)
    with limit_threads(1):
        one = balanced(LabelledRows(x, y), "smote", categories=[], random_state=0)
    with limit_threads(4):
        four = balanced(LabelledRows(x, y), "smote", categories=[], random_state=0)
    np.testing.assert_array_equal(one.x, four.x)


def _seen_parts(monkeypatch: pytest.MonkeyPatch) -> list[FitInputs]:
    seen: list[FitInputs] = []
    family = fitting.FAMILIES[ModelType.LIGHTGBM]

    def fit(given: FitInputs) -> FitResult:
        seen.append(given)
        return family.fit(given)

    spied = replace(family, fit=fit)
    monkeypatch.setitem(fitting.FAMILIES, ModelType.LIGHTGBM, spied)
    return seen


def test_rows_of_a_class_that_is_not_learnt_do_not_watch_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = _seen_parts(monkeypatch)
    y = np.array([0, 1] * 19 + [2, 1], dtype="<i8")  # in time: the third class comes late
    times = IndexColumn("when", ColumnKind.TIME, np.arange(40, dtype="<i8") * 1_000_000)
    index = write_index(tmp_path, [times, number("x", np.arange(40) / 3), integer("y", y)], rows=40, time_column="when")
    spec = job("lightgbm", early_stopping_rounds=3, validation={"method": "time_series", "test_size": 0.02})
    details = trained(spec, index).details
    [fold] = seen
    assert fold.stop is not None
    assert fold.stop.y.tolist() == [1, 0, 1]
    assert (details["rows"]["train"], details["rows"]["held_out"]) == (39, 1)


@pytest.mark.parametrize("validation", [{"method": "holdout"}, {"method": "cross_validation", "splits": 3}])
def test_held_out_and_watching_rows_are_never_made_nor_learnt_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validation: dict[str, Any]
) -> None:
    seen = _seen_parts(monkeypatch)
    value = np.arange(90) + 0.5  # every row can be told by it
    index = table(
        tmp_path, number("value", value), category("c", ["a", "b", "c"] * 30), integer("y", [0, 0, 0, 0, 1] * 18)
    )
    spec = job(
        "lightgbm",
        class_balance="smote",
        validation=validation,
        early_stopping_rounds=3,
        params={"n_estimators": 3, "min_child_samples": 2},
    )
    model = trained(spec, index)
    assert len(seen) == (1 if validation["method"] == "holdout" else 4)
    for fold in seen:
        assert fold.stop is not None
        real = {row for row in fold.fit.x[:, 0] if row in set(value)}
        others = set(fold.stop.x[:, 0]) | (set(fold.held_out.x[:, 0]) if fold.held_out else set())
        assert others <= set(value), "a row was made up"
        counts = np.bincount(fold.fit.y)
        assert counts[0] == counts[1], "made rows make the classes even"
        assert not real.intersection(others)
    shown = model.details["confusion_matrix"]["counts"]
    assert sum(map(sum, shown)) == (18 if validation["method"] == "holdout" else 90), "real rows only"
