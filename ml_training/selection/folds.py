"""Draws the splits of a TRAIN job: which rows a model is fitted on, and which rows measure it.

Holdout and cross-validation draw at random, stratified by class (Kohavi, "A study of cross-validation and bootstrap
for accuracy estimation and model selection", IJCAI 1995). Time series with `splits` are forward chaining: each part is
predicted from all rows before it (Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition,
section 5.10, "Time series cross-validation"; scikit-learn's TimeSeriesSplit). Under a horizon the training rows whose
label depends on held-out times are left out: purging (López de Prado, "Advances in Financial Machine Learning", 2018,
section 7.4.1, "Purging the training set").
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.specs import TrainSpec
from ml_training.domain.targets import HorizonTarget
from ml_training.domain.validation import CrossValidation, Holdout, TimeSeries
from ml_training.selection.index import SelectionIndex
from ml_training.selection.labels import Labels
from ml_training.selection.rows import MICROSECOND
from ml_training.selection.split import Positions, assign_parts, holdout
from ml_training.selection.timeline import Timeline

EARLY_STOPPING_SHARE = 0.1
EARLY_STOPPING_STREAM = 1  # its own random stream, so that the cut is independent of the holdout


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One fit: ascending, disjoint positions into the labelled rows of the plan.

    fit: the rows to learn from; stop: 10 % of the training part, whose loss ends the training, empty without early
    stopping; held_out: the rows that measure the model, empty in the last fit, which is on all rows.
    """

    fit: Positions
    stop: Positions
    held_out: Positions

    @property
    def train(self) -> Positions:
        """The training part: `fit` and `stop` together, ascending."""
        return np.sort(np.concatenate([self.fit, self.stop])) if len(self.stop) else self.fit


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """All fits of a job.

    final: the fit whose model is stored, that of the only split or one on all rows; purged: how many rows of the
    training parts are left out because their horizon reaches into held-out times.
    """

    splits: tuple[Fold, ...]
    final: Fold
    purged: int


def draw_folds(spec: TrainSpec, index: SelectionIndex, labels: Labels) -> Folds:
    """The folds of a TRAIN job that `count_folds` has found to be possible."""
    line = timeline_of(spec, index, labels)
    times = None if line is None else line.times
    parted = list(_splits(spec, labels, line))
    trains, purged = [train for train, _ in parted], 0
    if isinstance(spec.target, HorizonTarget) and times is not None:
        trains = [train[times[train] < training_end(spec, int(times[held].min()))] for train, held in parted]
        purged = sum(len(train) - len(kept) for (train, _), kept in zip(parted, trains, strict=True))
    splits = tuple(
        _fold(spec, labels, times, train, held_out) for train, (_, held_out) in zip(trains, parted, strict=True)
    )
    if not spec.validation.is_refitted:
        return Folds(splits, splits[0], purged)
    everything, nothing = np.arange(len(labels.rows)), np.zeros(0, dtype=np.int64)
    return Folds(splits, _fold(spec, labels, times, everything, nothing), purged)


def timeline_of(spec: TrainSpec, index: SelectionIndex, labels: Labels) -> Timeline | None:
    """The times of the labelled rows; None when the validation does not depend on time."""
    if not isinstance(spec.validation, TimeSeries):
        return None
    times = index.values(str(index.time_column))
    return Timeline.of(times if len(labels.rows) == index.rows else times[labels.rows])


def training_end(spec: TrainSpec, cut: int) -> int:
    """The time before which training rows lie when the held-out rows begin at `cut`.

    A label under a horizon is known one horizon later, so the rows of the last horizon before `cut` are purged.
    """
    return cut - spec.target.length // MICROSECOND if isinstance(spec.target, HorizonTarget) else cut


def cuts_of(validation: TimeSeries, line: Timeline) -> list[int]:
    """The times at which the held-out parts begin.

    Empty when all times are equal; not strictly ascending when there are too few different times.
    """
    if validation.splits is None:
        cut = line.last_part(validation.share)
        return [] if cut is None else [cut]
    count = validation.splits + 1
    return line.at([len(line.times) * part // count for part in range(1, count)])


def _splits(spec: TrainSpec, labels: Labels, line: Timeline | None) -> Iterator[tuple[Positions, Positions]]:
    """The pair (train, held out) of each split, before purging."""
    validation, seed, stratified = spec.validation, spec.random_state, labels.task.is_classification
    if isinstance(validation, Holdout):
        yield holdout(labels.y, share=validation.test_size, stratified=stratified, seed=seed)
    elif isinstance(validation, CrossValidation):
        part = assign_parts(labels.y, count=validation.splits, stratified=stratified, seed=seed)
        for number in range(validation.splits):
            yield np.flatnonzero(part != number), np.flatnonzero(part == number)
    elif line is not None:
        cuts, times = cuts_of(validation, line), line.times
        for cut, end in zip(cuts, [*cuts[1:], None], strict=True):
            held_out = times >= cut if end is None else (times >= cut) & (times < end)
            yield np.flatnonzero(times < cut), np.flatnonzero(held_out)


def _fold(
    spec: TrainSpec, labels: Labels, times: NDArray[np.int64] | None, train: Positions, held_out: Positions
) -> Fold:
    fit, stop = train, train[:0]
    if spec.early_stopping_rounds is not None:
        fit, stop = _cut_stop_rows(spec, labels, times, train)
    return Fold(fit, stop, held_out)


def _cut_stop_rows(
    spec: TrainSpec, labels: Labels, times: NDArray[np.int64] | None, train: Positions
) -> tuple[Positions, Positions]:
    if times is not None:
        cut = Timeline.of(times[train]).last_part(EARLY_STOPPING_SHARE)
        return (train, train[:0]) if cut is None else (train[times[train] < cut], train[times[train] >= cut])
    fit, stop = holdout(
        labels.y[train],
        share=EARLY_STOPPING_SHARE,
        stratified=labels.task.is_classification,
        seed=(spec.random_state, EARLY_STOPPING_STREAM),
    )
    return train[fit], train[stop]
