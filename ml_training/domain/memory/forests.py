"""Memory of the forests of scikit-learn."""

from typing import Any

from ml_training.domain.algorithms import ModelType
from ml_training.domain.memory.batches import InputShape, encoded_width
from ml_training.domain.memory.facts import NUMBER, FitMemory, TrainingFacts

NODE = 64  # bytes of a node: sklearn.tree._tree.NODE_DTYPE; beside it a float64 for each class
TREE = 8_000  # bytes of a tree's Python objects, and of what describes it in the archive
FIRST_CAPACITY, SHALLOW = 2_047, 10  # nodes that a tree has room for at first; a shallow one has room for all
LEAVES_MARGIN = 1.15
LEAF_SURPLUS = 1.4  # rows of a leaf, in units of `min_samples_leaf`
SPLIT_LEAVES = 2.0  # leaves that a node of `min_samples_split` rows, which is split, becomes
DRAWN = 0.633  # share of different rows among as many draws with replacement: 1 - 1/e
PACKED_NODE, PACKED_VALUES = 20, 0.06  # bytes of a node, and share of the class values, when they are compressed
COMPRESSED_COPIES = 3  # a model is compressed, put into an archive, and that into the artifact


def forest(facts: TrainingFacts, params: dict[str, Any], *, default_bootstrap: bool, threads: int) -> FitMemory:
    """All trees, and for each thread the one that it grows, whose room doubles when it is full."""
    bootstrap = default_bootstrap if params["bootstrap"] is None else params["bootstrap"]
    nodes = 2 * leaves(facts, params, bootstrap=bootstrap) - 1
    values, trees = NUMBER * facts.outputs, params["n_estimators"]
    room = max(nodes, min(FIRST_CAPACITY, nodes if _is_shallow(params) else FIRST_CAPACITY))
    if nodes > FIRST_CAPACITY and not _is_shallow(params) and not params["max_leaf_nodes"]:
        room = min(2 * nodes, _doubled(nodes))
    if params["max_leaf_nodes"]:  # then the library makes room for all of them at once
        room = max(room, 2 * params["max_leaf_nodes"] - 1)
    model = trees * (nodes * (NODE + values) + TREE)
    width = encoded_width(ModelType.RANDOM_FOREST, InputShape.of(facts))
    growing = min(threads, trees)
    matrix = facts.fit_rows * (4 * width + (0 if width == facts.features else 2 * NUMBER * width))
    work = growing * (room * values + nodes * NODE + 5 * NUMBER * facts.fit_rows)
    pack = COMPRESSED_COPIES * trees * int(nodes * (PACKED_NODE + PACKED_VALUES * values)) + trees * TREE
    return FitMemory(
        model=model,
        fit=model + matrix + work,
        pack=pack,
        drivers=("max_leaf_nodes", "max_depth", "n_estimators"),
    )


def leaves(facts: TrainingFacts, params: dict[str, Any], *, bootstrap: bool) -> int:
    """The leaves of a tree: as many as the data make it grow, and as its parameters allow."""
    rows = facts.fit_rows * (DRAWN if bootstrap else 1.0)
    grown = rows if facts.growth is None else min(rows, LEAVES_MARGIN * facts.growth.leaves_of(rows))
    of_a_leaf = params["min_samples_leaf"] * (LEAF_SURPLUS if params["min_samples_leaf"] > 1 else 1.0)
    most = [grown, rows / of_a_leaf, SPLIT_LEAVES * rows / params["min_samples_split"]]
    if params["max_depth"]:
        most.append(2.0 ** params["max_depth"])
    if params["max_leaf_nodes"]:
        most.append(params["max_leaf_nodes"])
    return max(1, int(min(most)))


def _is_shallow(params: dict[str, Any]) -> bool:
    return params["max_depth"] is not None and params["max_depth"] <= SHALLOW


def _doubled(nodes: int) -> int:
    room = FIRST_CAPACITY
    while room < nodes:
        room *= 2
    return room
