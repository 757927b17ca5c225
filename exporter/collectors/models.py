"""How good the models are, and their names: the newest 200 and 200 older ones with an alias; the scores of 100."""

import re
from collections.abc import Mapping
from typing import Any

from exporter import metrics
from exporter.collectors.base import Collector, Render, always
from exporter.exposition import Families, finite, sample, samples
from ml_training.db.stats import ModelRow, Stats
from ml_training.domain.names import NAME_PATTERN
from ml_training.domain.score_names import SCORES

MAX_NEWEST = 200
MAX_ALIASED = 200
MAX_SCORED = 100
SPLITS = ("train", "held_out")
NAME = re.compile(NAME_PATTERN)


def _scored(shown: tuple[ModelRow, ...]) -> list[int]:
    """The models whose scores are shown; the older ones have an alias, so they are in use, and get at most half."""
    older = shown[MAX_NEWEST:][: MAX_SCORED // 2]
    return [row.id for row in (*shown[: MAX_SCORED - len(older)], *older)]


def _families(shown: tuple[ModelRow, ...], scores: bytes) -> Families:
    training = [((str(row.id),), row.train_accuracy) for row in shown]
    test = [((str(row.id),), row.test_accuracy) for row in shown]
    # A name that the API would have refused was written by a hand in the database: it is no label.
    named = [row for row in shown if NAME.fullmatch(row.name)]
    called = [((str(row.id), row.name, str(row.version)), 1.0) for row in named]
    drift = [((str(row.id),), row.drift) for row in shown]
    return {
        metrics.TRAINING_ACCURACY: samples(metrics.TRAINING_ACCURACY, training),
        metrics.TEST_ACCURACY: samples(metrics.TEST_ACCURACY, test),
        metrics.MODEL_INFO: samples(metrics.MODEL_INFO, called),
        metrics.MODEL_DRIFT: samples(metrics.MODEL_DRIFT, drift),
        metrics.MODEL_SCORE: scores,
    }


def _score_lines(model_id: int, scores: object) -> bytes:
    by_split = {split: _part(scores, split) for split in SPLITS}
    return b"".join(
        sample(metrics.MODEL_SCORE, (str(model_id), name, split), finite(by_split[split].get(name)))
        for name in SCORES
        for split in SPLITS
    )


def _part(scores: object, split: str) -> Mapping[str, Any]:
    part = scores.get(split) if isinstance(scores, dict) else None
    return part if isinstance(part, dict) else {}


class ModelsCollector(Collector):
    """Accuracies and scores, newest model first; keeps the lines of what cannot change: the scores of a training.

    A regression model has no accuracy.
    """

    name = "models"

    def __init__(self) -> None:
        self._shown: tuple[ModelRow, ...] = ()
        self._scores: dict[int, bytes] = {}
        self._render = always(_families((), b""))

    def collect(self, stats: Stats) -> Render:
        shown = stats.shown_models(newest=MAX_NEWEST, aliased=MAX_ALIASED)
        if shown != self._shown:
            self._read_scores(stats, _scored(shown))
            self._render = always(_families(shown, b"".join(self._scores.values())))
            self._shown = shown
        return self._render

    def _read_scores(self, stats: Stats, ids: list[int]) -> None:
        found = stats.scores_of([model_id for model_id in ids if model_id not in self._scores])
        self._scores = {
            model_id: _score_lines(model_id, found[model_id]) if model_id in found else self._scores[model_id]
            for model_id in ids
        }
