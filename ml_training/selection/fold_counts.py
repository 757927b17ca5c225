"""Counts the rows of each class in every fit of a TRAIN job without drawing them.

The sizes of the parts do not depend on the seed, so the check of a new job can count instead of draw; a test compares
the counts with the folds that the engine draws. See `folds` for the methods and their sources.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.errors import FieldError
from ml_training.domain.problems import Problems
from ml_training.domain.specs import TrainSpec
from ml_training.domain.validation import CrossValidation, Holdout, TimeSeries
from ml_training.selection.folds import EARLY_STOPPING_SHARE, cuts_of, timeline_of, training_end
from ml_training.selection.index import SelectionIndex
from ml_training.selection.labels import Labels
from ml_training.selection.rows import list_as_json
from ml_training.selection.split import held_out_counts, part_counts
from ml_training.selection.timeline import Timeline

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class FoldCount:
    """Rows by class (one class for regression) of one fit.

    fit: the rows to learn from; stop: the rows whose loss ends the training early.
    """

    name: str
    fit: Counts
    stop: Counts

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
    total = _by_class(labels)
    if isinstance(validation, Holdout):
        held_out = held_out_counts(total, share=validation.test_size)
        if not held_out.sum():
            problems.add("/target/column", "no class has two rows, so none can be held out")
        yield _drawn(spec, "the training part", total - held_out)
    elif len(labels.y) < validation.splits:
        detail = f"{len(labels.y)} rows are too few for {validation.splits} splits"
        problems.add("/validation/splits", detail)
    else:
        yield from _crossed(spec, validation, total)


def _crossed(spec: TrainSpec, validation: CrossValidation, total: Counts) -> Iterator[FoldCount]:
    for number, part in enumerate(part_counts(total, count=validation.splits), start=1):
        yield _drawn(spec, f"split {number}", total - part)
    yield _drawn(spec, "the fit on all rows", total)


def _drawn(spec: TrainSpec, name: str, train: Counts) -> FoldCount:
    stop = np.zeros_like(train)
    if spec.early_stopping_rounds is not None:
        stop = held_out_counts(train, share=EARLY_STOPPING_SHARE)
    return FoldCount(name, train - stop, stop)


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
        names = [f"split {number}" for number in range(1, len(cuts) + 1)] if len(cuts) > 1 else ["the training part"]
        ends = {name: training_end(spec, cut) for name, cut in zip(names, cuts, strict=True)}
        if validation.is_refitted:
            ends["the fit on all rows"] = line.last + 1
        yield from _until(spec, labels, line, ends)


def _until(spec: TrainSpec, labels: Labels, line: Timeline, ends: dict[str, int]) -> Iterator[FoldCount]:
    """The counts of training parts that are all rows before an end: running totals of the rows between the ends."""
    stops = dict(ends)
    if spec.early_stopping_rounds is not None:
        for name, end in ends.items():
            train = line.before(end)
            cut = None if train is None else train.last_part(EARLY_STOPPING_SHARE)
            stops[name] = end if cut is None else cut
    marks = np.unique([*ends.values(), *stops.values()])
    classes = len(labels.classes or "1")
    block = line.blocks(marks)
    block = block if labels.classes is None else block * classes + labels.y
    table = np.bincount(block, minlength=(len(marks) + 1) * classes).reshape(-1, classes)
    before = dict(zip(marks.tolist(), np.cumsum(table, axis=0), strict=False))
    for name, end in ends.items():
        fit = before[stops[name]]
        yield FoldCount(name, fit, before[end] - fit)


def _by_class(labels: Labels) -> Counts:
    if labels.classes is None:
        return np.array([len(labels.y)])
    return np.bincount(labels.y, minlength=len(labels.classes))


def _problem(spec: TrainSpec, labels: Labels, count: FoldCount) -> FieldError | None:
    """The first reason why a fit cannot be trained."""
    classes = labels.classes
    present = np.flatnonzero(count.fit)
    if not len(present):
        return FieldError("/validation", f"{count.name} has no row to learn from")
    if classes is not None and len(present) < 2:
        only = list_as_json([classes[code] for code in present])
        return FieldError("/validation", f"{count.name} learns from one class only, {only}: at least two are needed")
    single = [] if classes is None else [classes[code] for code in present if count.fit[code] < 2]
    if spec.class_balance == "smote" and single:
        detail = f"{count.name} has one row of {list_as_json(single)}: SMOTE needs two of each class"
        return FieldError("/class_balance", detail)
    if spec.early_stopping_rounds is not None and not count.stop[present].sum():
        detail = f"{count.name} has too few rows to set 10 % of them aside: leave it out"
        return FieldError("/early_stopping_rounds", detail)
    return None
