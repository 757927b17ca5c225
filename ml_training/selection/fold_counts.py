"""Counts the rows of each class in every fit of a TRAIN job, where it can without drawing them.

The sizes of random parts and of parts in time do not depend on the seed, so the check of a new job can count instead of
draw; a test compares the counts with the folds that the engine draws. Which groups are together in a part does depend
on the seed: these folds are drawn. See `folds` for the methods and their sources.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.errors import FieldError
from ml_training.domain.problems import Problems
from ml_training.domain.specs import TrainSpec
from ml_training.domain.validation import ByGroup, CrossValidation, GroupHoldout, Holdout, TimeSeries
from ml_training.selection.folds import (
    EARLY_STOPPING_SHARE,
    Fold,
    RowKeys,
    calibration_share,
    cuts_of,
    draw_splits,
    fold_on_all_rows,
    timeline_of,
    training_end,
)
from ml_training.selection.groups import POINTER, group_name
from ml_training.selection.index import SelectionIndex
from ml_training.selection.labels import Labels
from ml_training.selection.rows import list_as_json
from ml_training.selection.split import Positions, held_out_counts, part_counts
from ml_training.selection.timeline import Timeline

THE_TRAINING_PART, THE_LAST_FIT = "the training part", "the fit on all rows"
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FoldCount:
    """Rows by class (one class for regression) of one fit.

    fit: the rows to learn from; stop: the rows whose loss ends the training early; calibrate: the rows on which the
    probabilities are calibrated; purged: how many rows of the training part are left out because they are too near to
    the held-out ones.
    """

    name: str
    fit: Counts
    stop: Counts
    calibrate: Counts
    purged: int = 0

    @property
    def train(self) -> int:
        """How many rows the training part has."""
        return int(self.fit.sum() + self.stop.sum() + self.calibrate.sum())

    def rows(self, *, smote: bool) -> int:
        """How many rows the fit learns from; with `smote` every class grows to the size of the largest."""
        return int(self.fit.max() * np.count_nonzero(self.fit)) if smote else int(self.fit.sum())


def count_folds(spec: TrainSpec, index: SelectionIndex, labels: Labels, problems: Problems) -> tuple[FoldCount, ...]:
    """The counts of every fit; adds a problem for each reason why a fit cannot be trained."""
    before = len(problems)
    counts = tuple(_counts(spec, index, labels, problems))
    for count in counts if len(problems) == before else ():
        found = _problem(spec, labels, count)
        if found is not None and found.pointer not in problems.pointers:
            problems.add(found.pointer, found.detail)
    return counts


def _counts(spec: TrainSpec, index: SelectionIndex, labels: Labels, problems: Problems) -> Iterator[FoldCount]:
    validation = spec.validation
    if isinstance(validation, TimeSeries):
        yield from _in_time(spec, validation, index, labels, problems)
        return
    if isinstance(validation, ByGroup):
        yield from _by_group(spec, validation, index, labels, problems)
        return
    total = _by_class(labels)
    if isinstance(validation, Holdout):
        held_out = held_out_counts(total, share=validation.test_size)
        if not held_out.sum():
            problems.add("/target/column", "no class has two rows, so none can be held out")
        yield _drawn(spec, THE_TRAINING_PART, total - held_out)
    elif len(labels.y) < validation.splits:
        detail = f"{len(labels.y)} rows are too few for {validation.splits} splits"
        problems.add("/validation/splits", detail)
    else:
        yield from _crossed(spec, validation, total)


def _crossed(spec: TrainSpec, validation: CrossValidation, total: Counts) -> Iterator[FoldCount]:
    for number, part in enumerate(part_counts(total, count=validation.splits), start=1):
        yield _drawn(spec, f"split {number}", total - part)
    yield _drawn(spec, THE_LAST_FIT, total)


def _drawn(spec: TrainSpec, name: str, train: Counts) -> FoldCount:
    stop = calibrate = np.zeros_like(train)
    if spec.calibration != "none":
        calibrate = held_out_counts(train, share=calibration_share(int(train.sum())))
    rest = train - calibrate
    if spec.early_stopping_rounds is not None:
        stop = held_out_counts(rest, share=EARLY_STOPPING_SHARE)
    return FoldCount(name, rest - stop, stop, calibrate)


def _in_time(
    spec: TrainSpec, validation: TimeSeries, index: SelectionIndex, labels: Labels, problems: Problems
) -> Iterator[FoldCount]:
    line = timeline_of(spec, index, labels)
    if line is None:
        return
    cuts = cuts_of(validation, line)
    if not cuts:
        problems.add("/validation/method", "all selected rows have the same time: none is the last")
    elif any(cut <= before for before, cut in zip([line.first, *cuts], cuts, strict=False)):
        detail = f"the selected rows have too few different times for {validation.splits} splits"
        problems.add("/validation/splits", detail)
    else:
        names = [_name(number, of=len(cuts)) for number in range(1, len(cuts) + 1)]
        ends = {name: (training_end(spec, cut), cut) for name, cut in zip(names, cuts, strict=True)}
        if validation.is_refitted:
            ends[THE_LAST_FIT] = (line.last + 1,) * 2
        yield from _until(spec, labels, line, ends)


def _until(spec: TrainSpec, labels: Labels, line: Timeline, ends: dict[str, tuple[int, int]]) -> Iterator[FoldCount]:
    """The counts of training parts that are all rows before an end: running totals of the rows between the ends.

    ends: by name, where the training part ends, and where the held-out rows begin.
    """
    within = {name: _ends_within(spec, line, end) for name, (end, _) in ends.items()}
    marks = np.unique([*chain.from_iterable(ends.values()), *chain.from_iterable(within.values())])
    classes = len(labels.classes or "1")
    block = line.blocks(marks)
    block = block if labels.classes is None else block * classes + labels.y
    table = np.bincount(block, minlength=(len(marks) + 1) * classes).reshape(-1, classes)
    before = dict(zip(marks.tolist(), np.cumsum(table, axis=0), strict=False))
    for name, (end, cut) in ends.items():
        fit, watched = (before[mark] for mark in within[name])
        purged = int((before[cut] - before[end]).sum())
        yield FoldCount(name, fit, watched - fit, before[end] - watched, purged)


def _ends_within(spec: TrainSpec, line: Timeline, end: int) -> tuple[int, int]:
    """Where in a training part that ends at `end` the rows to learn from end, and where those to watch do."""
    watched = end
    if spec.calibration != "none":
        train = line.before(end)
        watched = end if train is None else _last_part(line, end, share=calibration_share(len(train.times)))
    fitted = watched if spec.early_stopping_rounds is None else _last_part(line, watched, share=EARLY_STOPPING_SHARE)
    return fitted, watched


def _last_part(line: Timeline, end: int, *, share: float) -> int:
    """Where the last part of the rows before `end` begins; `end` when there is none."""
    rows = line.before(end)
    cut = None if rows is None else rows.last_part(share)
    return end if cut is None else cut


def _by_group(
    spec: TrainSpec, validation: ByGroup, index: SelectionIndex, labels: Labels, problems: Problems
) -> Iterator[FoldCount]:
    keys = RowKeys.of(spec, index, labels)
    groups = 0 if keys.groups is None else int(keys.groups.max()) + 1
    many = f"{groups} group{'' if groups == 1 else 's'} of column {group_name(spec, index)!r}"
    if isinstance(validation, GroupHoldout):
        parts = 1
        if groups < 2:
            problems.add(POINTER, f"the selected rows have {many}: at least two are needed, name another column")
            return
    else:
        parts = validation.splits
        if groups < parts:
            problems.add("/validation/splits", f"{many} are too few for {parts} splits: choose fewer splits")
            return
    for number, (fold, _) in enumerate(draw_splits(spec, labels, keys), start=1):
        yield _counted(_name(number, of=parts), labels, fold)
    if validation.is_refitted:
        yield _counted(THE_LAST_FIT, labels, fold_on_all_rows(spec, labels, keys))


def _counted(name: str, labels: Labels, fold: Fold) -> FoldCount:
    fit, stop, calibrate = (_by_class(labels, rows) for rows in (fold.fit, fold.stop, fold.calibrate))
    return FoldCount(name, fit, stop, calibrate)


def _name(number: int, *, of: int) -> str:
    """The name of a split in messages."""
    return f"split {number}" if of > 1 else THE_TRAINING_PART


def _by_class(labels: Labels, rows: Positions | slice = slice(None)) -> Counts:
    """How many of these labelled rows each class has."""
    y = labels.y[rows]
    return np.array([len(y)]) if labels.classes is None else np.bincount(y, minlength=len(labels.classes))


def _because_of_the_gap(count: FoldCount) -> str:
    if not count.purged:
        return ""
    return f", since all {count.purged:,} before the held-out ones are purged: shorten purge, embargo or horizon"


def _problem(spec: TrainSpec, labels: Labels, count: FoldCount) -> FieldError | None:
    """The first reason why a fit cannot be trained."""
    classes = labels.classes
    present = np.flatnonzero(count.fit)
    if not len(present):
        return FieldError("/validation", f"{count.name} has no row to learn from{_because_of_the_gap(count)}")
    if classes is not None and len(present) < 2:
        only = list_as_json([classes[code] for code in present])
        return FieldError("/validation", f"{count.name} learns from one class only, {only}: at least two are needed")
    single = [] if classes is None else [classes[code] for code in present if count.fit[code] < 2]
    if spec.class_balance == "smote" and single:
        detail = f"{count.name} has one row of {list_as_json(single)}: SMOTE needs two of each class"
        return FieldError("/class_balance", detail)
    if spec.early_stopping_rounds is not None and not count.stop[present].sum():
        what = "groups" if isinstance(spec.validation, ByGroup) else "rows"
        detail = f"{count.name} has too few {what} to set 10 % of them aside: leave it out"
        return FieldError("/early_stopping_rounds", detail)
    return _calibration_problem(spec, labels, count, present)


def _calibration_problem(spec: TrainSpec, labels: Labels, count: FoldCount, present: Positions) -> FieldError | None:
    """A class that the model learns needs a row that says how likely it is."""
    absent = [] if labels.classes is None else [labels.classes[code] for code in present if not count.calibrate[code]]
    if spec.calibration == "none" or not absent:
        return None
    detail = f"{count.name} has no row of {list_as_json(absent)} among those set aside for calibration: leave it out"
    return FieldError("/calibration", detail)
