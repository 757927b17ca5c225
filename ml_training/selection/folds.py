"""Which rows a model is fitted on and judged by: the splits of a TRAIN job, and whether each of them can be trained."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.errors import FieldError
from ml_training.domain.specs import TrainSpec
from ml_training.domain.targets import HorizonTarget
from ml_training.domain.validation import CrossValidation, Holdout, TimeSeries
from ml_training.selection.index import SelectionIndex
from ml_training.selection.labels import Labels
from ml_training.selection.rows import MICROSECOND, listed
from ml_training.selection.split import Positions, holdout, last_in_time, parts, time_cuts

EARLY_STOPPING_SHARE = 0.1
EARLY_STOPPING_STREAM = 1  # its own random stream, so that the cut is independent of the holdout


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One fit: ascending, disjoint positions into the plan's rows.

    fit: learnt from; stop: 10 % of the training part that watch for the end, empty without early stopping, and of
    classes that occur in `fit`; held_out: judged by, empty when the fit is the last one, on all rows.
    """

    fit: Positions
    stop: Positions
    held_out: Positions

    @property
    def train(self) -> Positions:
        """The training part: fit and stop, ascending."""
        return np.sort(np.concatenate([self.fit, self.stop])) if len(self.stop) else self.fit


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """The splits, the fit whose model is stored (the only split's, or one on all rows), and how many rows of the
    training parts were left out because their horizon reaches into held-out times."""

    splits: tuple[Fold, ...]
    final: Fold
    purged: int


def plan_folds(spec: TrainSpec, index: SelectionIndex, labels: Labels, errors: list[FieldError]) -> Folds | None:
    """The folds of a TRAIN job; None and reasons appended to `errors` when one of them could not be trained."""
    before = len(errors)
    times = index.values(str(index.time_column))[labels.rows] if isinstance(spec.validation, TimeSeries) else None
    found = list(_splits(spec, labels, times, errors))
    if len(errors) > before:
        return None
    trains, purged = [train for train, _ in found], 0
    if isinstance(spec.target, HorizonTarget) and times is not None:
        trains = [_purged(spec.target, times, train, held_out) for train, held_out in found]
        purged = sum(len(train) - len(kept) for (train, _), kept in zip(found, trains, strict=True))
    splits = tuple(
        _fold(spec, labels, times, train, held_out) for train, (_, held_out) in zip(trains, found, strict=True)
    )
    final, named = splits[0], {"the training part": splits[0]}
    if spec.validation.is_refitted:
        final = _fold(spec, labels, times, np.arange(len(labels.rows)), np.zeros(0, dtype=np.int64))
        named = {f"split {number}": fold for number, fold in enumerate(splits, start=1)} | {
            "the fit on all rows": final
        }
    for name, fold in named.items():
        _check(spec, labels, fold, name, errors)
    return Folds(splits, final, purged) if len(errors) == before else None


def _splits(
    spec: TrainSpec, labels: Labels, times: NDArray[np.int64] | None, errors: list[FieldError]
) -> Iterator[tuple[Positions, Positions]]:
    """(train, held out) of each split."""
    validation, seed, stratified = spec.validation, spec.random_state, labels.task.is_classification
    if isinstance(validation, Holdout):
        train, held_out = holdout(labels.y, share=validation.test_size, stratified=stratified, seed=seed)
        if not len(held_out):
            errors.append(FieldError("/target/column", "no class has two rows, so none can be held out"))
        yield train, held_out
    elif isinstance(validation, CrossValidation):
        if len(labels.y) < validation.splits:
            detail = f"{len(labels.y)} rows are too few for {validation.splits} splits"
            errors.append(FieldError("/validation/splits", detail))
            return
        part = parts(labels.y, count=validation.splits, stratified=stratified, seed=seed)
        for number in range(validation.splits):
            yield np.flatnonzero(part != number), np.flatnonzero(part == number)
    elif times is not None:
        yield from _in_time(validation, times, errors)


def _in_time(
    validation: TimeSeries, times: NDArray[np.int64], errors: list[FieldError]
) -> Iterator[tuple[Positions, Positions]]:
    if validation.splits is None:
        cut = last_in_time(times, share=validation.share)
        if cut is None:
            errors.append(FieldError("/validation/method", "all selected rows have the same time: none is the last"))
        else:
            yield np.flatnonzero(times < cut), np.flatnonzero(times >= cut)
        return
    count = validation.splits + 1
    cuts = [int(cut) for cut in time_cuts(times, [len(times) * part // count for part in range(1, count)])]
    if any(cut <= before for before, cut in zip([int(times.min()), *cuts], cuts, strict=False)):
        detail = f"the selected rows have too few different times for {validation.splits} splits"
        errors.append(FieldError("/validation/splits", detail))
        return
    for cut, end in zip(cuts, [*cuts[1:], None], strict=True):
        held_out = times >= cut if end is None else (times >= cut) & (times < end)
        yield np.flatnonzero(times < cut), np.flatnonzero(held_out)


def _purged(target: HorizonTarget, times: NDArray[np.int64], train: Positions, held_out: Positions) -> Positions:
    """Without the rows whose label is read off held-out times: it was not known when those began."""
    kept: Positions = train[times[train] + target.length // MICROSECOND < times[held_out].min()]
    return kept


def _fold(
    spec: TrainSpec, labels: Labels, times: NDArray[np.int64] | None, train: Positions, held_out: Positions
) -> Fold:
    fit, stop = train, train[:0]
    if spec.early_stopping_rounds is not None and len(train) > 1:
        fit, stop = _cut(spec, labels, times, train)
    if labels.task.is_classification:
        stop = stop[_occurs(labels, fit)[labels.y[stop]]]  # the loss of a class that was never seen says nothing
    return Fold(fit, stop, held_out)


def _cut(
    spec: TrainSpec, labels: Labels, times: NDArray[np.int64] | None, train: Positions
) -> tuple[Positions, Positions]:
    if times is not None:
        cut = last_in_time(times[train], share=EARLY_STOPPING_SHARE)
        return (train, train[:0]) if cut is None else (train[times[train] < cut], train[times[train] >= cut])
    fit, stop = holdout(
        labels.y[train],
        share=EARLY_STOPPING_SHARE,
        stratified=labels.task.is_classification,
        seed=(spec.random_state, EARLY_STOPPING_STREAM),
    )
    return train[fit], train[stop]


def _occurs(labels: Labels, rows: Positions) -> NDArray[np.bool_]:
    """For each class whether it occurs in these rows."""
    occurs: NDArray[np.bool_] = np.bincount(labels.y[rows], minlength=len(labels.classes or ())) > 0
    return occurs


def _check(spec: TrainSpec, labels: Labels, fold: Fold, name: str, errors: list[FieldError]) -> None:
    """Append a reason for what could not be trained."""
    wrong: dict[str, str] = {}
    if not len(fold.fit):
        wrong["/validation"] = f"{name} has no row to learn from"
    elif labels.classes is not None:
        wrong |= _class_problems(spec, labels, fold, name)
    if spec.early_stopping_rounds is not None and not len(fold.stop):
        wrong["/early_stopping_rounds"] = "the training part has too few rows to set 10 % aside: leave it out"
    errors += [
        FieldError(pointer, detail)
        for pointer, detail in wrong.items()
        if not any(error.pointer == pointer for error in errors)
    ]


def _class_problems(spec: TrainSpec, labels: Labels, fold: Fold, name: str) -> dict[str, Any]:
    classes = labels.classes or ()
    counts = np.bincount(labels.y[fold.fit], minlength=len(classes))
    present = np.flatnonzero(counts)
    if len(present) < 2:
        only = listed([classes[code] for code in present])
        return {"/validation": f"{name} learns from one class only, {only}: at least two are needed"}
    single = [classes[code] for code in present if counts[code] < 2]
    if spec.class_balance == "smote" and single:
        detail = f"{name} has one row of {listed(single)}: SMOTE needs two of each class"
        return {"/class_balance": detail}
    return {}
