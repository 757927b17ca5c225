"""Fits LightGBM on a part of the rows, together with other processes that have the other parts (tree_learner=data).

Every process sums the histograms of its own rows, the library adds the sums up over its own sockets, and all of them
grow the same trees (Ke et al., NIPS 2017; docs/Parallel-Learning-Guide of LightGBM, "data parallel").

The bins come from a sample of all rows, which every process draws for itself. The library's own way would let each
process find the bins of some features from its own rows only: rows in the order of time or of a class give each part
other values.
"""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ml_training.selection.split import Positions
from ml_training.training.estimators.base import FitInputs, LabelledRows
from ml_training.training.estimators.light_gbm import library_params, require_library
from ml_training.training.estimators.light_gbm_data import PartsDataset, lgb
from ml_training.training.matrix import FeatureRows

BLOCK = 1_024  # rows that follow each other in the file stay together: they are read from the same pages
BLOCKS = 64  # of each part, at least: parts must resemble each other
SOCKET_MINUTES = 1  # the least that the library allows


@dataclass(frozen=True, slots=True)
class FoldPart:
    """One of `count` parts of the rows of a fold; number: from 0."""

    number: int
    count: int

    def positions(self, rows: int) -> Positions:
        """Which of the rows belong to the part: blocks are dealt out in turn."""
        block = max(1, min(BLOCK, rows // (self.count * BLOCKS)))
        at: Positions = np.arange(rows, dtype=np.int64)
        mine: Positions = at[(at // block) % self.count == self.number]
        return mine

    def of(self, rows: LabelledRows) -> LabelledRows:
        """The part of these rows; nothing is read."""
        at = self.positions(len(rows.y))
        weights = None if rows.weights is None else rows.weights[at]
        return LabelledRows(rows.features[at], rows.y[at], weights)


@dataclass(frozen=True, slots=True)
class Network:
    """The addresses `IPv4:port` of all parts in the order of their numbers, and the port of this one."""

    machines: Sequence[str]
    port: int


@dataclass(frozen=True, slots=True)
class PartCallbacks:
    """What a fit of a part needs of its process.

    ready: called when the rows are binned, with the weight of the rows of each loss; returns once all parts are ready.
    linked: called when the parts are connected. after_round: with the number of the round and the losses.
    """

    ready: Callable[[Mapping[str, float]], Network]
    linked: Callable[[], None]
    after_round: Callable[[int, Mapping[str, float]], None]


def fit_part(inputs: FitInputs, part: FoldPart, *, threads: int, callbacks: PartCallbacks) -> str:
    """The text of the model, which is the same in every part.

    inputs: of the whole fold, with features that are not in memory. Raises LightGBMError.
    """
    require_library()
    mine = part.of(inputs.fit)
    params = library_params(replace(inputs, fit=mine)) | {"num_threads": threads}
    if part.count > 1:
        params |= {"num_machines": part.count, "tree_learner": "data", "pre_partition": True}
    rounds, categories = params.pop("n_estimators"), inputs.categories
    train = PartsDataset(_unread(mine), mine, params, categories=categories, part_of=_unread(inputs.fit))
    sets, weights = {"train": train}, {"train": _weight(mine)}
    held_out = None if inputs.held_out is None else part.of(inputs.held_out)
    if held_out is not None and len(held_out.y):
        sets["held_out"] = PartsDataset(_unread(held_out), held_out, params, categories=categories, reference=train)
        weights["held_out"] = _weight(held_out)
    network = callbacks.ready(weights)
    if part.count > 1:
        _link(network)
    callbacks.linked()

    def after_round(env: Any) -> None:
        losses = {name: float(loss) for name, _, loss, *_ in env.evaluation_result_list}
        callbacks.after_round(env.iteration + 1, losses)

    booster = lgb.train(
        params,
        train,
        num_boost_round=rounds,
        valid_sets=list(sets.values()),
        valid_names=list(sets),
        callbacks=[after_round],
        keep_training_booster=True,
    )
    text: str = booster.model_to_string(num_iteration=-1)
    return text


def _unread(rows: LabelledRows) -> FeatureRows:
    if not isinstance(rows.features, FeatureRows):
        raise TypeError("a part is taken of rows that are not read yet")
    return rows.features


def _weight(rows: LabelledRows) -> float:
    return float(len(rows.y) if rows.weights is None else rows.weights.sum())


def _link(network: Network) -> None:
    """Connect to the other parts; what `Booster.set_network` does, before there is a booster.

    Not bounded: a process that connects and ends makes the library wait for ever. Whoever started this one watches it.
    """
    basic = lgb.basic
    machines = ",".join(network.machines).encode()
    numbers = (ctypes.c_int(number) for number in (network.port, SOCKET_MINUTES, len(network.machines)))
    basic._safe_call(basic._LIB.LGBM_NetworkInit(machines, *numbers))
