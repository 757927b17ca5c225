"""The collector of models: every score of the newest, read once; stored scores may be malformed."""

from collections.abc import Collection
from typing import Any, cast

import pytest

from exporter.collectors.models import MAX_NEWEST, MAX_SCORED, ModelsCollector
from ml_training.db.stats import ModelRow, Stats
from tests.support.exporter import Series

SCORES: dict[str, dict[str, float | None]] = {
    "train": {"accuracy": 0.9, "f1": 0.8},
    "held_out": {"accuracy": 0.7, "f1": None},
}


class Rows:
    """Stands for the database's answers."""

    def __init__(self, *rows: ModelRow, scores: Any = SCORES) -> None:
        self._rows = rows
        self._scores = scores
        self.asked: list[int] = []

    def shown_models(self, *, newest: int, aliased: int) -> tuple[ModelRow, ...]:
        return self._rows[: newest + aliased]

    def scores_of(self, model_ids: Collection[int]) -> dict[int, Any]:
        self.asked.extend(model_ids)
        return dict.fromkeys(model_ids, self._scores)


def page(models: ModelsCollector, rows: Rows) -> Series:
    return Series(b"".join(models.collect(cast(Stats, rows))(0.0).values()).decode())


def test_each_score_of_each_split_is_a_series_and_an_undefined_one_is_absent() -> None:
    series = page(ModelsCollector(), Rows(ModelRow(7, 0.9, 0.7)))
    assert {tuple(sorted(dict(labels).items())): value for labels, value in series.all("ml_model_score").items()} == {
        (("model_id", "7"), ("score", "accuracy"), ("split", "train")): 0.9,
        (("model_id", "7"), ("score", "accuracy"), ("split", "held_out")): 0.7,
        (("model_id", "7"), ("score", "f1"), ("split", "train")): 0.8,
    }


def test_only_the_newest_have_their_scores_shown() -> None:
    rows = Rows(*(ModelRow(number, 0.5, None) for number in range(MAX_SCORED + 20, 0, -1)))
    series = page(ModelsCollector(), rows)
    assert series.labels("ml_model_score", "model_id") == {str(n) for n in range(21, MAX_SCORED + 21)}
    assert len(series.all("ml_training_accuracy")) == MAX_SCORED + 20


def test_models_in_use_keep_their_scores_however_many_came_after_them() -> None:
    newest = [ModelRow(number, 0.5, None) for number in range(1_000, 1_000 - MAX_NEWEST, -1)]
    series = page(ModelsCollector(), Rows(*newest, ModelRow(7, 0.5, None), ModelRow(3, 0.5, None)))
    scored = series.labels("ml_model_score", "model_id")
    assert {"7", "3", "1000"} <= scored
    assert len(scored) == MAX_SCORED


def test_scores_are_read_once_and_forgotten_with_their_model() -> None:
    models = ModelsCollector()
    first, second = ModelRow(1, 0.9, 0.7), ModelRow(2, 0.9, 0.7)
    page(models, Rows(first))
    rows = Rows(second, first)
    assert page(models, rows).labels("ml_model_score", "model_id") == {"1", "2"}
    assert rows.asked == [2]
    assert page(models, Rows(second)).labels("ml_model_score", "model_id") == {"2"}


def test_a_newer_test_changes_the_accuracy() -> None:
    models = ModelsCollector()
    page(models, Rows(ModelRow(1, 0.9, 0.7)))
    assert page(models, Rows(ModelRow(1, 0.9, 0.6)))["ml_test_accuracy"] == 0.6


@pytest.mark.parametrize("scores", [None, [], {"train": 7}, {"train": {"accuracy": "1", 'x"} 1': 2.0}}, {"x": {}}])
def test_scores_that_make_no_sense_are_absent(scores: Any) -> None:
    series = page(ModelsCollector(), Rows(ModelRow(1, None, None), scores=scores))
    assert len(series) == 0


def test_at_most_two_hundred_models_and_two_hundred_with_an_alias_are_shown() -> None:
    rows = Rows(*(ModelRow(number, 0.5, 0.5) for number in range(1_000, 0, -1)))
    series = page(ModelsCollector(), rows)
    assert len(series.labels("ml_test_accuracy", "model_id")) == 400
    assert len(series.labels("ml_model_score", "model_id")) == MAX_SCORED


def test_a_model_says_what_it_is_called_and_no_name_can_add_a_label() -> None:
    named, injected = ModelRow(7, 0.9, 0.7, "churn", 3), ModelRow(8, 0.9, 0.7, 'x",model_id="9', 1)
    series = page(ModelsCollector(), Rows(named, injected, ModelRow(9, None, None, "a" * 65, 1)))
    assert series.all("ml_model_info") == {
        frozenset({("model_id", "7"), ("model_name", "churn"), ("model_version", "3")}): 1.0
    }
    assert series.labels("ml_training_accuracy", "model_id") == {"7", "8"}
