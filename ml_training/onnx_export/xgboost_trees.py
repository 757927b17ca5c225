"""The trees of XGBoost's JSON, as its own predictor walks them: in single precision; a known category goes right."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.onnx_export.tree_ensemble import Branch, Mode, TreeEnsemble


def add_trees(ensemble: TreeEnsemble, learner: Mapping[str, Any]) -> None:
    """Add all trees of the `learner`."""
    model = learner["gradient_booster"]["model"]
    for tree, target in zip(model["trees"], model["tree_info"], strict=True):
        _add_tree(ensemble, tree, target)


def intercepts(learner: Mapping[str, Any]) -> NDArray[np.float32]:
    """What is added to the sums of the trees: a margin for each target, or one for all."""
    text = learner["learner_model_param"]["base_score"].strip("[]")
    scores = np.array([float(part) for part in text.split(",")], dtype=np.float32)
    if learner["objective"]["name"] == "binary:logistic":
        scores = -np.log(np.float32(1.0) / scores - np.float32(1.0))
    return scores


def _add_tree(ensemble: TreeEnsemble, tree: Mapping[str, Any], target: int) -> None:
    left, right, thresholds = tree["left_children"], tree["right_children"], tree["split_conditions"]
    sets = _category_sets(tree)
    branches: list[Branch] = []
    # A child has a higher number than its parent.
    for at in reversed(range(len(left))):
        if left[at] < 0:
            found = ensemble.leaf(thresholds[at], target)
        else:
            on_left, on_right = (branches[len(left) - 1 - child] for child in (left[at], right[at]))
            feature, default_left = tree["split_indices"][at], bool(tree["default_left"][at])
            if at in sets:
                found = ensemble.split(
                    feature,
                    Mode.MEMBER,
                    true=on_right,
                    false=on_left,
                    missing_is_true=not default_left,
                    members=sets[at],
                )
            else:
                found = ensemble.split(
                    feature, Mode.LESS, thresholds[at], true=on_left, false=on_right, missing_is_true=default_left
                )
        branches.append(found)
    ensemble.root(branches[-1])


def _category_sets(tree: Mapping[str, Any]) -> Mapping[int, Sequence[int]]:
    """By split the codes that go to the right."""
    categories = tree["categories"]
    parts = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    return {node: categories[start : start + size] for node, start, size in parts}
