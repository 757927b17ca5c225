"""One classifier over all features: how well does it tell the compared rows from the training rows?

The area under the ROC curve of rows that it did not learn from is 0.5 when nothing but chance tells them apart. It sees
what no look at single features can: that features go together in another way. Lopez-Paz and Oquab, ICLR 2017.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from ml_training.inference.threads import limit_threads
from ml_training.training.matrix import binnable
from ml_training.training.ranking import descending, ranked

ROUNDS, LEAVES = 40, 15
MOST_ROWS = 10_000  # of each side


def classifier_area(
    x: NDArray[np.float64], is_compared: NDArray[np.bool_], blocks: NDArray[np.int64], *, seed: int, threads: int
) -> float | None:
    """The area for rows of blocks that the classifier did not see; None when a part has one side only.

    Every second block is the one half, the others the other half: each half is predicted by a classifier of the other.
    """
    half = blocks % 2 == 0
    chance = np.full(len(x), np.nan)
    for part in (half, ~half):
        if not part.any() or len(np.unique(is_compared[part])) < 2 or not (~part).any():
            return None
    with limit_threads(threads):
        for part in (half, ~half):
            model = HistGradientBoostingClassifier(
                max_iter=ROUNDS, max_leaf_nodes=LEAVES, early_stopping=False, random_state=seed
            )
            chance[~part] = model.fit(binnable(x[part]), is_compared[part]).predict_proba(x[~part])[:, 1]
    ranking = ranked(is_compared, chance, descending(chance))
    return None if ranking is None else ranking.area
