"""Classes of unequal size: weights, or made-up rows of the smaller ones (SMOTE); of the rows fitted only."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer

from ml_training.training.estimators.base import Part
from ml_training.training.matrix import Matrix
from ml_training.training.threads import limited

NEIGHBOURS = 5  # of Chawla et al. 2002; fewer where the smallest class has fewer rows


def balanced(part: Part, how: str, *, categories: Sequence[int], random_state: int) -> Part:
    """The rows to learn from. `how`: none, weights or smote; every class of `part.y` (codes from 0) occurs in it.

    weights: n / (classes * rows of the class), as scikit-learn's "balanced". smote: rows between neighbours of the
    same class until all classes are as large as the largest; a missing value of a row that is made stands for the
    median, or the most frequent category. `categories`: the columns that hold codes.
    """
    if how == "weights":
        return replace(part, weights=class_weights(part.y))
    if how == "smote":
        return _oversampled(part, list(categories), random_state)
    return part


def class_weights(y: NDArray[Any]) -> NDArray[np.float64]:
    """One weight a row; their sum is the number of rows."""
    counts = np.bincount(y)
    weights: NDArray[np.float64] = len(y) / (len(counts) * counts[y])
    return weights


def _oversampled(part: Part, categories: list[int], random_state: int) -> Part:
    neighbours = min(NEIGHBOURS, int(np.bincount(part.y).min()) - 1)
    complete = _complete(part.x, categories)
    sampler = _sampler(complete.shape[1], categories, k_neighbors=neighbours, random_state=random_state)
    with limited(1):  # which of equally near neighbours comes first depends on the number of threads
        x, y = sampler.fit_resample(complete, part.y)
    made = np.asarray(x[len(part.y) :], dtype=np.float64)  # the real rows come first; they keep what is missing
    return Part(np.asfortranarray(np.concatenate([part.x, made])), y)


def _sampler(columns: int, categories: list[int], **settings: int) -> Any:
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
