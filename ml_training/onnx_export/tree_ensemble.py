"""Collects decision trees as the attributes of ONNX's operator TreeEnsemble (ai.onnx.ml 5)."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from onnx import numpy_helper

from ml_training.inference.errors import ExportError
from ml_training.onnx_export.graph import ML_DOMAIN, Graph

MOST_SPLITS = 10_000_000  # about 600 MB; protobuf writes at most 2 GB
SUM, NO_TRANSFORM = 1, 0


class Mode(IntEnum):
    """The condition of a split; the numbers are those of the operator."""

    AT_MOST = 0
    LESS = 1
    MEMBER = 6


class Branch(NamedTuple):
    """A leaf, or a split with all below it."""

    number: int
    is_leaf: bool


class TreeEnsemble:
    """Trees whose values are added up, for each target by itself. A tree is built from its leaves to its root.

    dtype: of the input, the thresholds and the values; the comparisons and sums are made in it.
    """

    def __init__(self, targets: int, dtype: DTypeLike = np.float64) -> None:
        self._targets = targets
        self._dtype = dtype
        self._roots: list[int] = []
        self._features: list[int] = []
        self._thresholds: list[float] = []
        self._modes: list[int] = []
        self._true: list[Branch] = []
        self._false: list[Branch] = []
        self._missing_is_true: list[bool] = []
        self._members: list[float] = []
        self._leaf_targets: list[int] = []
        self._leaf_values: list[float] = []

    def leaf(self, value: float, target: int = 0) -> Branch:
        """A leaf that adds `value` to a target."""
        self._leaf_targets.append(target)
        self._leaf_values.append(value)
        return Branch(len(self._leaf_values) - 1, is_leaf=True)

    def split(
        self,
        feature: int,
        mode: Mode,
        threshold: float = 0.0,
        *,
        true: Branch,
        false: Branch,
        missing_is_true: bool,
        members: Iterable[float] = (),
    ) -> Branch:
        """A split on a column of the input; members: the values of mode MEMBER. Raises ExportError for too many."""
        if len(self._features) >= MOST_SPLITS:
            raise ExportError(f"the trees have more than {MOST_SPLITS:,} splits: too many for an ONNX model")
        if mode is Mode.MEMBER:
            chosen = list(members)
            if not chosen:
                return self.split(
                    feature, Mode.AT_MOST, -np.inf, true=true, false=false, missing_is_true=missing_is_true
                )
            self._members += [*chosen, np.nan]
        self._features.append(feature)
        self._modes.append(mode)
        self._thresholds.append(threshold)
        self._true.append(true)
        self._false.append(false)
        self._missing_is_true.append(missing_is_true)
        return Branch(len(self._features) - 1, is_leaf=False)

    def root(self, branch: Branch) -> None:
        """A tree is complete."""
        if branch.is_leaf:  # the operator wants a split
            branch = self.split(0, Mode.AT_MOST, true=branch, false=branch, missing_is_true=True)
        self._roots.append(branch.number)

    def add_to(self, graph: Graph, matrix: str) -> str:
        """The sums, of shape (rows, targets); matrix: of shape (rows, features) and this dtype."""
        optional = {"membership_values": self._tensor(self._members)} if self._members else {}
        return graph.node(
            "TreeEnsemble",
            matrix,
            domain=ML_DOMAIN,
            n_targets=self._targets,
            aggregate_function=SUM,
            post_transform=NO_TRANSFORM,
            tree_roots=self._roots,
            nodes_featureids=self._features,
            nodes_splits=self._tensor(self._thresholds),
            nodes_modes=numpy_helper.from_array(np.array(self._modes, dtype=np.uint8)),
            nodes_truenodeids=[branch.number for branch in self._true],
            nodes_trueleafs=[int(branch.is_leaf) for branch in self._true],
            nodes_falsenodeids=[branch.number for branch in self._false],
            nodes_falseleafs=[int(branch.is_leaf) for branch in self._false],
            nodes_missing_value_tracks_true=[int(is_true) for is_true in self._missing_is_true],
            leaf_targetids=self._leaf_targets,
            leaf_weights=self._tensor(self._leaf_values),
            **optional,
        )

    def _tensor(self, values: list[float]) -> Any:
        return numpy_helper.from_array(np.array(values, dtype=self._dtype))
