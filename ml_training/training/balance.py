"""Balances classes of unequal size with weights or with synthetic rows (SMOTE); only for the rows to learn from."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer

from ml_training.inference.threads import limit_threads
from ml_training.training.estimators.base import LabelledRows
from ml_training.training.matrix import Matrix

NEIGHBOURS = 5  # as in the paper; fewer where the smallest class has fewer rows


def balanced(rows: LabelledRows, how: str, *, categories: Sequence[int], random_state: int) -> LabelledRows:
    """The rows to learn from, balanced; every class (codes from 0) must occur in `rows.y`.

    how: "none"; "weights": n / (classes * rows of the class), as scikit-learn's "balanced"; "smote": synthetic rows
    between neighbours of the same class, until all classes are as large as the largest (Chawla, Bowyer, Hall and
    Kegelmeyer, "SMOTE: Synthetic minority over-sampling technique", JAIR 16, 2002; SMOTE-NC, section 6.1, where there
    are categories). Synthetic rows are made from values in which the median, or the most frequent category, replaces
    a missing one. categories: the columns that hold codes.
    """
    if how == "weights":
        return replace(rows, weights=class_weights(rows.y))
    if how == "smote":
        return _oversampled(rows, list(categories), random_state)
    return rows


def class_weights(y: NDArray[Any]) -> NDArray[np.float64]:
    """One weight for each row; their sum is the number of rows."""
    counts = np.bincount(y)
    weights: NDArray[np.float64] = len(y) / (len(counts) * counts[y])
    return weights


def _oversampled(rows: LabelledRows, categories: list[int], random_state: int) -> LabelledRows:
    neighbours = min(NEIGHBOURS, int(np.bincount(rows.y).min()) - 1)
    real = rows.x
    complete = _complete(real, categories)
    sampler = _sampler(complete.shape[1], categories, k_neighbors=neighbours, random_state=random_state)
    with limit_threads(1):  # the order of equally near neighbours depends on the number of threads
        x, y = sampler.fit_resample(complete, rows.y)
    synthetic = np.asarray(x[len(rows.y) :], dtype=np.float64)  # the real rows come first and keep their missing values
    return LabelledRows(np.asfortranarray(np.concatenate([real, synthetic])), y)


def _sampler(columns: int, categories: list[int], **settings: int) -> Any:
    # Imported here: it imports much of scikit-learn's tests, and few jobs use it.
    from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC

    if not categories:
        return SMOTE(**settings)
    return SMOTEN(**settings) if len(categories) == columns else SMOTENC(categories, **settings)


def _complete(x: Matrix, categories: list[int]) -> Matrix:
    complete = x.copy()
    numbers = np.setdiff1d(np.arange(x.shape[1]), categories)
    for strategy, columns in (("most_frequent", categories), ("median", numbers)):
        if len(columns):
            imputer = SimpleImputer(strategy=strategy, keep_empty_features=True)
            complete[:, columns] = imputer.fit_transform(x[:, columns])
    return complete
