"""Draws the splits of a TRAIN job: which rows a model is fitted on, and which rows measure it.

Holdout and cross-validation draw at random, stratified by class (Kohavi, "A study of cross-validation and bootstrap
for accuracy estimation and model selection", IJCAI 1995). Time series with `splits` are forward chaining: each part is
predicted from all rows before it (Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition,
section 5.10, "Time series cross-validation"; scikit-learn's TimeSeriesSplit). There the training rows whose label is
known only at held-out times are left out, and those of an embargo (López de Prado, "Advances in Financial Machine
Learning", 2018, sections 7.4.1, "Purging the training set", and 7.4.2, "Embargo"; he puts the embargo after the
held-out rows, where this method never learns, so here it is before them). Methods by group draw whole groups: see
`groups`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.specs import TrainSpec
from ml_training.domain.targets import HorizonTarget
from ml_training.domain.validation import CrossValidation, GroupHoldout, GroupKFold, Holdout, TimeSeries
from ml_training.selection.groups import Groups, assign_groups, groups_of, hold_groups_out
from ml_training.selection.index import SelectionIndex
from ml_training.selection.labels import Labels
from ml_training.selection.rows import MICROSECOND
from ml_training.selection.split import Positions, assign_parts, holdout
from ml_training.selection.timeline import Timeline

EARLY_STOPPING_SHARE = 0.1
CALIBRATION_SHARE, MOST_CALIBRATION_ROWS = 0.2, 100_000
EARLY_STOPPING_STREAM = 1  # its own random stream, so that the cut is independent of the holdout
CALIBRATION_STREAM = 3  # 2 is that of training/scored_rows.py


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One fit: ascending, disjoint positions into the labelled rows of the plan.

    fit: the rows to learn from; stop: 10 % of the training part, whose loss ends the training, empty without early
    stopping; held_out: the rows that measure the model, empty in the last fit, which is on all rows; calibrate: the
    part of the training part on which the probabilities are calibrated, empty without calibration.
    """

    fit: Positions
    stop: Positions
    held_out: Positions
    calibrate: Positions = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def train(self) -> Positions:
        """The training part: `fit`, `stop` and `calibrate` together, ascending."""
        aside = [rows for rows in (self.stop, self.calibrate) if len(rows)]
        return np.sort(np.concatenate([self.fit, *aside])) if aside else self.fit


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """All fits of a job.

    final: the fit whose model is stored, that of the only split or one on all rows; purged: how many rows of the
    training parts are left out because they are too near to the held-out ones.
    """

    splits: tuple[Fold, ...]
    final: Fold
    purged: int


@dataclass(frozen=True, slots=True, eq=False)
class RowKeys:
    """What of the labelled rows decides, beside their labels, where they go; None where a method has no use for it."""

    line: Timeline | None
    groups: Groups | None

    @classmethod
    def of(cls, spec: TrainSpec, index: SelectionIndex, labels: Labels) -> "RowKeys":
        """Those that the method of the job needs."""
        return cls(timeline_of(spec, index, labels), groups_of(spec, index, labels))


def draw_folds(spec: TrainSpec, index: SelectionIndex, labels: Labels) -> Folds:
    """The folds of a TRAIN job that `count_folds` has found to be possible."""
    keys = RowKeys.of(spec, index, labels)
    drawn = list(draw_splits(spec, labels, keys))
    splits, purged = tuple(fold for fold, _ in drawn), sum(count for _, count in drawn)
    final = fold_on_all_rows(spec, labels, keys) if spec.validation.is_refitted else splits[0]
    return Folds(splits, final, purged)


def draw_splits(spec: TrainSpec, labels: Labels, keys: RowKeys) -> Iterator[tuple[Fold, int]]:
    """The fold of each split, one after the other, and how many rows are purged from its training part."""
    for train, held_out in _splits(spec, labels, keys):
        kept = train
        if keys.line is not None:
            times = keys.line.times
            kept = train[times[train] < training_end(spec, int(times[held_out].min()))]
        yield _fold(spec, labels, keys, kept, held_out), len(train) - len(kept)


def fold_on_all_rows(spec: TrainSpec, labels: Labels, keys: RowKeys) -> Fold:
    """The fit on all rows after the splits; it holds none out."""
    return _fold(spec, labels, keys, np.arange(len(labels.rows)), np.zeros(0, dtype=np.int64))


def timeline_of(spec: TrainSpec, index: SelectionIndex, labels: Labels) -> Timeline | None:
    """The times of the labelled rows; None when the validation does not depend on time."""
    if not isinstance(spec.validation, TimeSeries):
        return None
    times = index.values(str(index.time_column))
    return Timeline.of(times if len(labels.rows) == index.rows else times[labels.rows])


def training_end(spec: TrainSpec, cut: int) -> int:
    """The time before which training rows lie when the held-out rows begin at `cut`.

    Purged are the rows whose label is not known before `cut`, under a horizon or by `purge`, and those of the embargo.
    """
    horizon = spec.target.length if isinstance(spec.target, HorizonTarget) else timedelta()
    gap = spec.validation.gap(horizon) if isinstance(spec.validation, TimeSeries) else horizon
    return cut - gap // MICROSECOND


def cuts_of(validation: TimeSeries, line: Timeline) -> list[int]:
    """The times at which the held-out parts begin.

    Empty when all times are equal; not strictly ascending when there are too few different times.
    """
    if validation.splits is None:
        cut = line.last_part(validation.share)
        return [] if cut is None else [cut]
    count = validation.splits + 1
    return line.at([len(line.times) * part // count for part in range(1, count)])


def _splits(spec: TrainSpec, labels: Labels, keys: RowKeys) -> Iterator[tuple[Positions, Positions]]:
    """The pair (train, held out) of each split, before purging."""
    validation, seed, stratified = spec.validation, spec.random_state, labels.task.is_classification
    if isinstance(validation, Holdout):
        yield holdout(labels.y, share=validation.test_size, stratified=stratified, seed=seed)
    elif isinstance(validation, CrossValidation):
        yield from _crossed(assign_parts(labels.y, count=validation.splits, stratified=stratified, seed=seed))
    elif isinstance(validation, GroupHoldout) and keys.groups is not None:
        yield hold_groups_out(keys.groups, share=validation.test_size, seed=seed)
    elif isinstance(validation, GroupKFold) and keys.groups is not None:
        yield from _crossed(assign_groups(keys.groups, count=validation.splits, seed=seed))
    elif isinstance(validation, TimeSeries) and keys.line is not None:
        cuts, times = cuts_of(validation, keys.line), keys.line.times
        for cut, end in zip(cuts, [*cuts[1:], None], strict=True):
            held_out = times >= cut if end is None else (times >= cut) & (times < end)
            yield np.flatnonzero(times < cut), np.flatnonzero(held_out)


def _crossed(part: NDArray[np.int64]) -> Iterator[tuple[Positions, Positions]]:
    """Each part, by number, is held out once."""
    for number in range(int(part.max()) + 1):
        yield np.flatnonzero(part != number), np.flatnonzero(part == number)


def _fold(spec: TrainSpec, labels: Labels, keys: RowKeys, train: Positions, held_out: Positions) -> Fold:
    rest, calibrate = train, train[:0]
    if spec.calibration != "none":
        share, seed = calibration_share(len(train)), (spec.random_state, CALIBRATION_STREAM)
        rest, calibrate = _set_aside(labels, keys, train, share=share, seed=seed)
    fit, stop = rest, rest[:0]
    if spec.early_stopping_rounds is not None:
        seed = (spec.random_state, EARLY_STOPPING_STREAM)
        fit, stop = _set_aside(labels, keys, rest, share=EARLY_STOPPING_SHARE, seed=seed)
    return Fold(fit, stop, held_out, calibrate)


def calibration_share(rows: int) -> float:
    """The share of a training part of this size on which the probabilities are calibrated."""
    return min(CALIBRATION_SHARE, MOST_CALIBRATION_ROWS / rows) if rows else CALIBRATION_SHARE


def _set_aside(
    labels: Labels, keys: RowKeys, rows: Positions, *, share: float, seed: tuple[int, int]
) -> tuple[Positions, Positions]:
    """The rows that stay and those set aside: the last ones in time, whole groups, or a random part."""
    if keys.line is not None:
        times = keys.line.times[rows]
        cut = Timeline.of(times).last_part(share) if len(rows) else None
        return (rows, rows[:0]) if cut is None else (rows[times < cut], rows[times >= cut])
    if keys.groups is not None:
        stay, aside = hold_groups_out(keys.groups[rows], share=share, seed=seed)
    else:
        stay, aside = holdout(labels.y[rows], share=share, stratified=labels.task.is_classification, seed=seed)
    return rows[stay], rows[aside]
