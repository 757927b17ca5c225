"""The trees of LightGBM's text, as its own predictor walks them (`Tree::NumericalDecision`, `CategoricalDecision`)."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from ml_training.inference.errors import ExportError
from ml_training.onnx_export.tree_ensemble import Branch, Mode, TreeEnsemble

CATEGORICAL, DEFAULT_LEFT = 1, 2  # bits of `decision_type`; two more are the kind of the missing values
NOTHING_MISSING, ZERO_MISSING = 0, 1
BITS = 32


def add_trees(ensemble: TreeEnsemble, text: str) -> None:
    """Add all trees; the trees of a round are those of the classes, in their order."""
    header, *trees = text.partition("end of trees")[0].split("\nTree=")
    per_round = int(_entries(header)["num_tree_per_iteration"])
    for number, tree in enumerate(trees):
        _add_tree(ensemble, _entries(tree), number % per_round)


def _entries(text: str) -> Mapping[str, str]:
    return {name: value for name, is_pair, value in (line.partition("=") for line in text.splitlines()) if is_pair}


def _add_tree(ensemble: TreeEnsemble, tree: Mapping[str, str], target: int) -> None:
    if tree.get("is_linear", "0") != "0":
        raise ExportError("trees with linear models in their leaves cannot be written as ONNX")
    leaves = [ensemble.leaf(float(value), target) for value in tree["leaf_value"].split()]
    if int(tree["num_leaves"]) < 2:
        ensemble.root(leaves[0])
        return
    left, right = (list(map(int, tree[name].split())) for name in ("left_child", "right_child"))
    features, kinds = (list(map(int, tree[name].split())) for name in ("split_feature", "decision_type"))
    thresholds = list(map(float, tree["threshold"].split()))
    sets = list(_category_sets(tree)) if int(tree["num_cat"]) else []
    splits: list[Branch] = [leaves[0]] * len(left)

    def branch(child: int) -> Branch:
        return splits[child] if child >= 0 else leaves[~child]

    for at in reversed(range(len(left))):  # a child has a higher number than its parent
        on_left, on_right, threshold = branch(left[at]), branch(right[at]), thresholds[at]
        if kinds[at] & CATEGORICAL:
            splits[at] = ensemble.split(
                features[at],
                Mode.MEMBER,
                true=on_left,
                false=on_right,
                missing_is_true=False,
                members=sets[int(threshold)],
            )
        else:
            splits[at] = ensemble.split(
                features[at],
                Mode.AT_MOST,
                threshold,
                true=on_left,
                false=on_right,
                missing_is_true=_missing_goes_left(kinds[at], threshold),
            )
    ensemble.root(splits[0])


def _missing_goes_left(kind: int, threshold: float) -> bool:
    missing = kind >> 2 & 3
    if missing == ZERO_MISSING:
        raise ExportError("a model that takes 0 for a missing value cannot be written as ONNX")
    return threshold >= 0 if missing == NOTHING_MISSING else bool(kind & DEFAULT_LEFT)


def _category_sets(tree: Mapping[str, str]) -> Iterator[list[float]]:
    """For each split on categories, the codes that go to the left."""
    bounds, words = (list(map(int, tree[name].split())) for name in ("cat_boundaries", "cat_threshold"))
    for start, end in pairwise(bounds):
        yield [
            float(BITS * at + bit) for at, word in enumerate(words[start:end]) for bit in range(BITS) if word >> bit & 1
        ]
