"""Memory of gradient boosting: LightGBM, XGBoost, and the histogram gradient boosting of scikit-learn."""

from typing import Any

from ml_training.domain.algorithms import CELLS_IN_MEMORY
from ml_training.domain.memory.facts import NUMBER, FitMemory, TrainingFacts

HISTOGRAM_BIN = 16  # bytes of LightGBM's two sums
HISTOGRAM_OBJECT = 200  # bytes of LightGBM's FeatureHistogram, for each leaf and feature
LEAF, LEAF_TEXT = 90, 130  # bytes of a leaf, and of the node above it, in memory and in LightGBM's text
TEXT_COPIES = 3  # of the text, while it is stored: its bytes, its string, and the string with other names
TREE, TREE_TEXT = 1_500, 1_000
ROWS_OF_A_LEAF = 3  # leaves for each row of a class: the tree of a class tells its rows from the others
SAMPLED_ROWS = 200_000  # that LightGBM finds the bins from
FREQUENT = 0.6  # share of many texts that get a bin of their own
BIN_SUMS = 20  # bytes of a bin of scikit-learn: sklearn.ensemble._hist_gradient_boosting.common.HISTOGRAM_DTYPE
ROWS_OF_AN_OPEN_LEAF = 6  # in units of `min_samples_leaf`
RECORD, PREDICTOR = 56, 12_000  # bytes of a node, and of a tree's Python objects and its description in the archive
XGBOOST_BIN = 16  # bytes of the two sums of a bin
XGBOOST_HISTOGRAMS = 512  # those that are kept, and those of the nodes that are split together
XGBOOST_NODE, XGBOOST_TREE = 80, 3_000  # bytes of a node and of a tree
XGBOOST_CELL = {True: 6, False: 10}  # bytes of a binned value, with what finds the bins; by whether a byte holds a bin
XGBOOST_OUTPUT = 32  # bytes of each output of a row: scores and derivatives
MOST_IN_A_LEAF = 1.5  # times `min_child_weight`, in a tree that is fully grown


def light_gbm(facts: TrainingFacts, params: dict[str, Any], *, threads: int) -> FitMemory:
    """LightGBM makes room for all leaves that a tree may have: for its nodes, and for a histogram of each leaf."""
    rows, evaluated, leaves = facts.fit_rows, facts.stop_rows + facts.held_out, params["num_leaves"]
    trees = params["n_estimators"] * tree_count(facts)
    bins = _bins(facts, params["max_bin"])
    used = min(leaves, max(1, rows // max(1, params["min_child_samples"])), 2 ** (params["max_depth"] or 64))
    used = min(used, max(2, ROWS_OF_A_LEAF * rows // tree_count(facts)))
    binned = (rows + evaluated) * facts.features * (1 if params["max_bin"] <= 256 else 2)
    histograms = leaves * (bins * HISTOGRAM_BIN + facts.features * HISTOGRAM_OBJECT)
    scores = (rows + evaluated) * tree_count(facts) * NUMBER + rows * tree_count(facts) * 2 * 4
    model, text = trees * (leaves * LEAF + TREE), trees * (used * LEAF_TEXT + TREE_TEXT)
    reads_parts = (facts.train_rows * facts.features) > CELLS_IN_MEMORY
    sample = min(rows, SAMPLED_ROWS) * facts.features * NUMBER * 2 if reads_parts else 0
    return FitMemory(
        model=model,
        fit=max(model + histograms + 2 * binned + 2 * scores + 40 * rows, binned + sample),
        pack=TEXT_COPIES * text,
        drivers=("num_leaves", "n_estimators", "max_bin"),
        has_matrix=not reads_parts,
    )


def light_gbm_elsewhere(facts: TrainingFacts, params: dict[str, Any], *, threads: int) -> FitMemory:
    """The same model, which other machines fit: only its text and its trees come here."""
    fit = light_gbm(facts, params, threads=threads)
    text = fit.pack // TEXT_COPIES
    return FitMemory(
        model=fit.model,
        fit=fit.model + 2 * text + 40 * facts.fit_rows,
        pack=fit.pack,
        drivers=fit.drivers,
        has_matrix=fit.has_matrix,
    )


def xgboost(facts: TrainingFacts, params: dict[str, Any], *, threads: int) -> FitMemory:
    """XGBoost keeps the histograms of many nodes of a tree; a leaf has a least sum of second derivatives."""
    rows, evaluated, outputs = facts.fit_rows, facts.stop_rows + facts.held_out, tree_count(facts)
    leaves = min(params["max_leaves"] or rows, 2 ** (params["max_depth"] or 64), ROWS_OF_A_LEAF * rows // outputs, rows)
    if params["min_child_weight"]:
        weight = rows * _second_derivative(facts.classes)
        leaves = min(leaves, int(weight / (MOST_IN_A_LEAF * params["min_child_weight"])))
    nodes = 2 * max(1, leaves)
    histograms = min(nodes, XGBOOST_HISTOGRAMS) * _bins(facts, params["max_bin"]) * XGBOOST_BIN
    binned = (rows + evaluated) * facts.features * XGBOOST_CELL[params["max_bin"] <= 256]
    scores = (rows + evaluated) * outputs * XGBOOST_OUTPUT + 32 * rows
    model = params["n_estimators"] * outputs * (nodes * XGBOOST_NODE + XGBOOST_TREE)
    return FitMemory(
        model=model,
        fit=model + histograms + binned + scores,
        pack=model,
        drivers=("max_depth", "n_estimators", "max_bin"),
    )


def _second_derivative(classes: int) -> float:
    """The largest mean of the loss's second derivative at a row: in the first round, with equally large classes."""
    if classes == 0:
        return 1.0
    return 0.25 if classes == 2 else 2 / classes * (1 - 1 / classes)


def _bins(facts: TrainingFacts, most: int) -> int:
    """Bins of all features: a number has at most `most`, a category feature as many as it has frequent texts."""
    seen = facts.distinct or (facts.fit_rows,)
    of_a_number = sum(min(most, count, facts.fit_rows) + 1 for count in seen) / len(seen)
    of_texts = [min(facts.fit_rows, max(min(texts, most), int(FREQUENT * texts))) + 1 for texts in facts.categories]
    return int(of_a_number * (facts.features - len(of_texts))) + sum(of_texts)


def hist_gradient_boosting(facts: TrainingFacts, params: dict[str, Any], *, threads: int) -> FitMemory:
    """Histograms of the leaves that may still be split, the losses of each class, and small nodes."""
    rows, evaluated = facts.fit_rows, facts.stop_rows or facts.held_out
    per_round, rounds = tree_count(facts), params["n_estimators"]
    leaves = min(params["max_leaf_nodes"], 2 ** (params["max_depth"] or 64))
    leaves = max(1, min(leaves, rows // max(1, params["min_samples_leaf"])))
    model = rounds * per_round * (2 * leaves * RECORD + PREDICTOR // 3)
    # Only leaves that may still be split keep a histogram, and their rows must be enough for several leaves.
    open_leaves = min(leaves, rows // (ROWS_OF_AN_OPEN_LEAF * params["min_samples_leaf"])) + 2
    histograms = open_leaves * facts.features * (params["max_bins"] + 1) * BIN_SUMS
    binned = (rows + evaluated) * facts.features + (2 * NUMBER * rows * facts.features if facts.categories else 0)
    losses = (rows + evaluated) * per_round * NUMBER * 2 + rows * per_round * 4 * 4
    return FitMemory(
        model=model,
        fit=model + histograms + binned + losses + 60 * rows,
        pack=rounds * per_round * (PREDICTOR + leaves * 2 * 30),
        drivers=("max_leaf_nodes", "max_iter", "max_bins"),
    )


def tree_count(facts: TrainingFacts) -> int:
    """Trees of a round: one for each class, one for two classes and for regression."""
    return facts.classes if facts.classes > 2 else 1
