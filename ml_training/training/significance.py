"""Tests whether two models differ on the same rows by more than chance: a paired bootstrap of any score.

The percentile bootstrap is that of Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; it is
paired because both models are scored on the same resample of rows. Every score is a function of sums over rows, so a
resample is a vector of row weights, and a thousand resamples are one matrix product. With more than `BLOCKS` rows,
whole random blocks of rows are drawn instead of rows: the sums have the same spread, in bounded memory. The area under
the ROC curve is computed from placement values, whose means have the spread of the area (DeLong, DeLong and
Clarke-Pearson, Biometrics 44, 1988).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_training.domain.states import TaskKind
from ml_training.training.scores import Predictions, mean_of_defined, ratio
from ml_training.training.stage_progress import StageProgress, slices

RESAMPLES = 1_000
BLOCKS = 10_000
CELLS = 2_000_000  # blocks times columns kept per model
RESAMPLES_PER_BATCH = 100  # their weights are in memory together
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """Score of the first minus score of the second model, with its 95 % interval; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def significant(self) -> bool | None:
        """Whether the interval excludes 0."""
        return None if self.low is None or self.high is None else bool(self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """One score of one model: `sums` (blocks, columns), and how to compute the score from totals (last axis)."""

    sums: Array
    evaluate: Callable[[Array], Array]


def paired_bootstrap(
    metric: str, y: NDArray[Any], pair: tuple[Predictions, Predictions], *, seed: int, progress: StageProgress
) -> Difference:
    """Compare two models by one score on the rows of `y`; equal input and seed give equal results."""
    random = np.random.default_rng(seed)
    blocks = _blocks(len(y), random, columns=_columns(metric, pair[0]))
    count = int(blocks.max()) + 1
    first, second = (statistic(metric, y, predicted, blocks=blocks) for predicted in pair)
    found = []
    for part in slices(RESAMPLES, size=RESAMPLES_PER_BATCH):
        weights = resample_weights(random, blocks=count, resamples=part.stop - part.start)
        with np.errstate(over="ignore", invalid="ignore"):
            found.append(first.evaluate(weights @ first.sums) - second.evaluate(weights @ second.sums))
        progress.step(part.stop, RESAMPLES, f"resample {part.stop} of {RESAMPLES}")
    return _interval(np.concatenate(found), _total(first) - _total(second))


def resample_weights(random: np.random.Generator, *, blocks: int, resamples: int) -> Array:
    """How often each block is drawn when as many as there are are drawn with replacement: (resamples, blocks)."""
    drawn = random.integers(0, blocks, size=(resamples, blocks))
    drawn += np.arange(resamples)[:, None] * blocks
    counts = np.bincount(drawn.ravel(), minlength=resamples * blocks)
    return counts.reshape(resamples, blocks).astype(np.float64)


def statistics(
    metrics: Iterable[str], y: NDArray[Any], predicted: Predictions, *, blocks: NDArray[np.int64]
) -> dict[str, Statistic]:
    """`statistic` of each of these scores; those of counts of classes share their sums."""
    found, counted = dict[str, Statistic](), None
    for metric in metrics:
        if _is_of_counts(metric, predicted):
            counted = _class_counts(y, predicted, blocks) if counted is None else counted
            found[metric] = _of_counts(metric, predicted, counted)
        else:
            found[metric] = statistic(metric, y, predicted, blocks=blocks)
    return found


def _is_of_counts(metric: str, predicted: Predictions) -> bool:
    return predicted.task is not TaskKind.REGRESSION and metric not in ("log_loss", "roc_auc")


def statistic(metric: str, y: NDArray[Any], predicted: Predictions, *, blocks: NDArray[np.int64]) -> Statistic:
    """The score as a function of sums over blocks; `blocks`: the number of the block of each row."""
    if predicted.task is TaskKind.REGRESSION or metric == "log_loss":
        return _of_means(metric, y, predicted, blocks)
    if metric == "roc_auc":
        return _of_areas(y, predicted, blocks)
    return _of_counts(metric, predicted, _class_counts(y, predicted, blocks))


def _blocks(rows: int, random: np.random.Generator, *, columns: int) -> NDArray[np.int64]:
    count = min(BLOCKS, max(200, CELLS // columns))
    return np.arange(rows) if rows <= count else random.permutation(rows) * count // rows


def _columns(metric: str, predicted: Predictions) -> int:
    return 6 if predicted.task is TaskKind.REGRESSION or metric == "log_loss" else 4 * predicted.classes


def _total(of: Statistic) -> float:
    return float(of.evaluate(of.sums.sum(axis=0)))


def _interval(differences: Array, value: float) -> Difference:
    defined = differences[np.isfinite(differences)]
    if not np.isfinite(value) or len(defined) < RESAMPLES // 2:
        return Difference(None, None, None)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Difference(value, float(low), float(high))


def _sums(blocks: NDArray[np.int64], *columns: NDArray[Any]) -> Array:
    return np.column_stack([np.bincount(blocks, weights=column) for column in columns])


def _of_means(metric: str, y: NDArray[Any], predicted: Predictions, blocks: NDArray[np.int64]) -> Statistic:
    ones = np.ones(len(y))
    if metric == "log_loss":
        chosen = predicted.values[np.arange(len(y)), y]
        tiny = np.finfo(np.float64).eps
        return Statistic(_sums(blocks, -np.log(np.clip(chosen, tiny, 1 - tiny)), ones), _mean)
    with np.errstate(over="ignore", invalid="ignore"):
        error = predicted.values - y
        if metric == "mape":
            some = y != 0
            relative = np.divide(np.abs(error), np.abs(y), out=np.zeros(len(y)), where=some)
            return Statistic(_sums(blocks, relative, some), _mean)
        if metric == "mae":
            return Statistic(_sums(blocks, np.abs(error), ones), _mean)
        centred = y - y.mean()  # the sum of squares minus the square of the sum would cancel
        sums = _sums(blocks, error**2, ones, centred, centred**2)
    return Statistic(sums, _rmse if metric == "rmse" else _r2)


def _mean(totals: Array) -> Array:
    return ratio(totals[..., 0], totals[..., 1])


def _rmse(totals: Array) -> Array:
    return np.sqrt(_mean(totals))


def _r2(totals: Array) -> Array:
    squares, rows, total, total_squares = (totals[..., column] for column in range(4))
    return 1.0 - ratio(squares, total_squares - total**2 / rows)


def _of_areas(y: NDArray[Any], predicted: Predictions, blocks: NDArray[np.int64]) -> Statistic:
    codes = range(predicted.classes) if predicted.positive is None else [predicted.positive]
    areas, sums = [], [np.zeros((int(blocks.max()) + 1, 0))]
    for code in codes:
        positive = y == code
        if positive.any() and not positive.all():
            share = _placements(positive, predicted.values[:, code])
            areas.append(share[positive].mean())
            sums.append(_sums(blocks, share * positive, positive, share * ~positive, ~positive))
    return Statistic(np.concatenate(sums, axis=1), lambda totals: _area(totals, np.array(areas)))


def _placements(positive: NDArray[np.bool_], ranking: Array) -> Array:
    """For a positive row the share of negative rows ranked below it; for a negative row, of positive rows above it."""
    below, above = np.sort(ranking[~positive]), np.sort(ranking[positive])
    share = np.empty(len(ranking))
    share[positive] = _rank(below, ranking[positive]) / len(below)
    share[~positive] = 1.0 - _rank(above, ranking[~positive]) / len(above)
    return share


def _rank(ordered: Array, values: Array) -> Array:
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2


def _area(totals: Array, areas: Array) -> Array:
    cells = totals.reshape(*totals.shape[:-1], len(areas), 4)
    shares = ratio(cells[..., 0], cells[..., 1]) + ratio(cells[..., 2], cells[..., 3]) - areas
    return mean_of_defined(shares)


def _class_counts(y: NDArray[Any], predicted: Predictions, blocks: NDArray[np.int64]) -> Array:
    """(blocks, 3 * classes): of each class the rows that are predicted right, that are predicted, and that are it."""
    labels, right = predicted.labels, y == predicted.labels
    size = {"blocks": int(blocks.max()) + 1, "classes": predicted.classes}
    parts = (blocks[right], y[right]), (blocks, labels), (blocks, y)
    return np.concatenate([_per_class(where, codes, **size) for where, codes in parts], axis=1)


def _of_counts(metric: str, predicted: Predictions, counts: Array) -> Statistic:
    shape = 3, predicted.classes
    return Statistic(counts, lambda totals: _count_score(metric, totals.reshape(*totals.shape[:-1], *shape), predicted))


def _per_class(where: NDArray[np.int64], codes: NDArray[Any], *, blocks: int, classes: int) -> Array:
    return np.bincount(where * classes + codes, minlength=blocks * classes).reshape(blocks, classes).astype(np.float64)


def _count_score(metric: str, cells: Array, predicted: Predictions) -> Array:
    hits, claimed, true = (cells[..., row, :] for row in range(3))
    rows = true.sum(axis=-1)
    if metric == "accuracy":
        return ratio(hits.sum(axis=-1), rows)
    if metric == "mcc":
        spread = (rows**2 - (claimed**2).sum(axis=-1)) * (rows**2 - (true**2).sum(axis=-1))
        return ratio(hits.sum(axis=-1) * rows - (claimed * true).sum(axis=-1), np.sqrt(spread))
    by_class = {
        "precision": lambda: ratio(hits, claimed),
        "recall": lambda: ratio(hits, true),
        "f1": lambda: ratio(2 * hits, claimed + true),
        "fpr": lambda: ratio(claimed - hits, rows[..., None] - true),
        "fnr": lambda: ratio(true - hits, true),
    }[metric]()
    return mean_of_defined(by_class) if predicted.positive is None else by_class[..., predicted.positive]
