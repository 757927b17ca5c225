"""Successive halving: which trials continue is decided from their rows alone."""

from typing import Any

import pytest

from ml_training.domain.halving import furthest, rows_expected, to_continue, with_rungs
from ml_training.domain.specs import parse_spec
from ml_training.domain.states import JobStatus
from ml_training.domain.study_steps import StoppedBy, Trial, best_trial, stopped_by
from ml_training.domain.tune_spec import TuneSpec


def study(**fields: Any) -> TuneSpec:
    body = {
        "job_type": "TUNE",
        "model_name": "m",
        "train": {"model_type": "lightgbm", "dataset_id": 1, "target": {"column": "y"}},
        "search": {"/params/num_leaves": {"low": 2, "high": 60}},
        "metric": "roc_auc",
        "halving": {"rungs": 3, "factor": 3},
        "generation": 9,
    }
    spec, errors = parse_spec(body | fields, max_runtime_seconds=60)
    assert isinstance(spec, TuneSpec), errors
    return spec


def table(*rows: tuple[int | None, float | None]) -> list[Trial]:
    """Trials of (the number of the one that it continues, score)."""
    made = [
        Trial(number, 100 + number, {}, JobStatus.COMPLETED, score, continues=continues)
        for number, (continues, score) in enumerate(rows, start=1)
    ]
    return with_rungs(made)


def begun(*scores: float | None) -> list[tuple[None, float | None]]:
    return [(None, score) for score in scores]


def numbers(trials: list[Trial]) -> list[int]:
    return [trial.number for trial in trials]


NINE = begun(0.5, 0.9, None, 0.8, 0.8, 0.1, 0.2, 0.8, 0.3)


def test_the_best_third_continues_and_of_equal_ones_the_first() -> None:
    assert numbers(to_continue(study(), table(*NINE))) == [2, 4, 5]
    lowest = study(metric="log_loss")
    assert numbers(to_continue(lowest, table(*NINE))) == [6, 7, 9]


def test_each_rung_is_decided_by_its_own_scores() -> None:
    two = [*NINE, (2, 0.4), (4, 0.6), (5, 0.5)]
    assert numbers(to_continue(study(), table(*two))) == [11]
    assert to_continue(study(), table(*two, (11, 0.7))) == [], "the last rung is done: the next generation begins"
    assert numbers(to_continue(study(), table(*two, (11, 0.7), *begun(0.2, 0.3)))) == [15], "of the new generation"


@pytest.mark.parametrize("rows", [[], begun(*9 * [None]), [*NINE, (2, None), (4, None), (5, None)]])
def test_without_a_score_none_continues(rows: Any) -> None:
    assert to_continue(study(), table(*rows)) == []


def test_a_generation_after_one_without_scores_is_its_own_group() -> None:
    rows = [*begun(*9 * [None]), *begun(0.1, 0.2, 0.3)]
    assert numbers(to_continue(study(), table(*rows))) == [12]


def test_the_best_trial_is_one_of_the_last_rung() -> None:
    trials = table(*NINE, (2, 0.4), (4, 0.6), (5, 0.5), (11, 0.55))
    best = best_trial("roc_auc", trials)
    assert best is not None
    assert best.number == 13, "0.9 after fewer rounds is another score"
    assert [(one.number, one.rung) for one in furthest(trials)][:5] == [(1, 0), (10, 1), (3, 0), (13, 2), (12, 1)]


def test_the_limits_count_the_trials_that_begin() -> None:
    trials = table(*NINE, (2, 0.4), (4, 0.6), (5, 0.5), (11, 0.55))
    rules = {"trials_without_improvement": 9}
    assert stopped_by(study(stop=rules), trials, allowed=18, seconds=0) is None, "it was found in this generation"
    assert stopped_by(study(), trials, allowed=9, seconds=0) is StoppedBy.TRIALS
    more = table(*NINE, (2, 0.4), (4, 0.6), (5, 0.5), (11, 0.55), *NINE)
    assert stopped_by(study(stop=rules), more, allowed=30, seconds=0) is StoppedBy.NO_IMPROVEMENT
    assert rows_expected(study(), 20) == 2 * (9 + 3 + 1) + (2 + 1 + 1)
