"""The trees of scikit-learn: of its forests, and of its histogram gradient boosting."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.onnx_export.tree_ensemble import Branch, Mode, TreeEnsemble

WORD = 32


def add_forest_tree(ensemble: TreeEnsemble, tree: Any, values: NDArray[np.float64], target: int) -> None:
    """Add a tree of a forest; values: of shape (nodes,), what each leaf adds."""
    left, right = tree.children_left.tolist(), tree.children_right.tolist()
    features, thresholds = tree.feature.tolist(), tree.threshold.tolist()
    missing_left, leaf_values = tree.missing_go_to_left.tolist(), values.tolist()
    branches: list[Branch] = []
    for at in reversed(range(len(left))):  # a child has a higher number than its parent
        if left[at] < 0:
            branches.append(ensemble.leaf(leaf_values[at], target))
        else:
            on_left, on_right = (branches[len(left) - 1 - child] for child in (left[at], right[at]))
            branches.append(
                ensemble.split(
                    features[at],
                    Mode.AT_MOST,
                    thresholds[at],
                    true=on_left,
                    false=on_right,
                    missing_is_true=bool(missing_left[at]),
                )
            )
    ensemble.root(branches[-1])


def add_boosted_tree(ensemble: TreeEnsemble, predictor: Any, target: int) -> None:
    """Add a tree of histogram gradient boosting, given as its TreePredictor."""
    nodes, sets = predictor.nodes, predictor.raw_left_cat_bitsets
    branches: list[Branch] = []
    for at in reversed(range(len(nodes))):  # a child has a higher number than its parent
        node = nodes[at]
        if node["is_leaf"]:
            branches.append(ensemble.leaf(float(node["value"]), target))
            continue
        on_left, on_right = (branches[len(nodes) - 1 - int(node[side])] for side in ("left", "right"))
        branches.append(
            ensemble.split(
                int(node["feature_idx"]),
                Mode.MEMBER if node["is_categorical"] else Mode.AT_MOST,
                0.0 if node["is_categorical"] else float(node["num_threshold"]),
                true=on_left,
                false=on_right,
                missing_is_true=bool(node["missing_go_to_left"]),
                members=_codes(sets[node["bitset_idx"]]) if node["is_categorical"] else (),
            )
        )
    ensemble.root(branches[-1])


def _codes(words: NDArray[np.uint32]) -> list[float]:
    return [float(WORD * at + bit) for at, word in enumerate(words.tolist()) for bit in range(WORD) if word >> bit & 1]
