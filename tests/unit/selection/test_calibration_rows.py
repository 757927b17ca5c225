"""The rows that calibrate: of the training part, by the rule of the method, and at least one of each class."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ml_training.domain.errors import Invalid
from ml_training.domain.problems import Problems
from ml_training.domain.specs import parse_spec, spec_json
from ml_training.selection.fold_counts import count_folds
from ml_training.selection.folds import calibration_share
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import plan_train

MakeIndex = Callable[..., SelectionIndex]
START = datetime(2026, 1, 1, tzinfo=UTC)
METHODS: list[dict[str, Any]] = [
    {"method": "holdout", "test_size": 0.3},
    {"method": "cross_validation", "splits": 3},
    {"method": "time_series"},
    {"method": "time_series", "splits": 3, "purge": "2h"},
    {"method": "group_holdout"},
    {"method": "group_k_fold", "splits": 3},
]


def made(make_index: MakeIndex, seed: int, rows: int) -> SelectionIndex:
    random = np.random.default_rng(seed)
    return make_index(
        {
            "when": [START + timedelta(hours=int(hour)) for hour in random.permutation(rows)],
            "who": [f"g{code}" for code in random.integers(0, max(4, rows // 6), rows)],
            "x": [float(value) for value in random.normal(size=rows)],
            "y": [int(code) for code in random.choice([0, 1, 2], rows, p=[0.5, 0.3, 0.2])],
        },
        time_column="when",
        group_column="who",
    )


@given(st.integers(0, 10**6))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_calibration_rows_are_a_part_of_their_own_and_counted(
    make_index: MakeIndex, training_spec: Callable[..., Any], seed: int
) -> None:
    random = np.random.default_rng(seed)
    index = made(make_index, seed, int(random.integers(20, 150)))
    stopping = {"early_stopping_rounds": 3} if random.random() < 0.5 else {}
    validation = METHODS[seed % len(METHODS)]
    spec = training_spec(validation=validation, calibration="sigmoid", features=["x"], random_state=seed, **stopping)
    try:
        plan = plan_train(spec, index)
    except Invalid:
        event("refused")
        return
    event(str(validation["method"]))
    folds = plan.draw_folds()
    every = [*folds.splits, *([] if folds.final is folds.splits[0] else [folds.final])]
    times, groups = index.values("when"), index.values("who")
    for count, fold in zip(count_folds(spec, index, plan.labels, Problems()), every, strict=True):
        parts = (fold.fit, fold.stop, fold.calibrate, fold.held_out)
        assert len(set().union(*(set(part.tolist()) for part in parts))) == sum(map(len, parts)), "no row twice"
        for expected, rows in ((count.fit, fold.fit), (count.stop, fold.stop), (count.calibrate, fold.calibrate)):
            assert expected.tolist() == np.bincount(plan.labels.y[rows], minlength=3).tolist()
        assert set(plan.labels.y[fold.calibrate]) >= set(plan.labels.y[fold.fit]), "each class can be calibrated"
        if validation["method"] == "time_series":
            learnt = np.concatenate([fold.fit, fold.stop])
            assert times[learnt].max() < times[fold.calibrate].min()
        elif "group" in validation["method"]:
            assert not set(groups[fold.calibrate]) & set(groups[np.concatenate([fold.fit, fold.stop])])
        else:
            assert len(fold.calibrate) == int(len(fold.train) * 0.2 + 0.5)


def test_a_large_training_part_sets_no_more_rows_aside_than_are_needed() -> None:
    assert [calibration_share(rows) for rows in (10, 500_000, 1_000_000)] == [0.2, 0.2, 0.1]


@pytest.mark.parametrize(
    ("y", "fields", "pointer", "word"),
    [
        ([0, 1] * 9 + [2, 2], {}, "/calibration", "no row of 2 among those set aside"),
        ([0] * 10 + [1] * 10, {"validation": {"method": "cross_validation", "splits": 2}}, "", ""),
        ([number / 3 for number in range(20)], {"model_type": "ridge"}, "/calibration", "quantity"),
        (
            [0, 1] * 6 + [1] * 8,
            {"validation": {"method": "time_series", "test_size": 0.1}},
            "/calibration",
            "no row of 0",
        ),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    make_index: MakeIndex,
    training_spec: Callable[..., Any],
    reasons: Callable[..., dict[str, str]],
    y: list[Any],
    fields: dict[str, Any],
    pointer: str,
    word: str,
) -> None:
    when = [START + timedelta(hours=number) for number in range(20)]
    index = make_index({"x": [float(n % 7) for n in range(20)], "y": y, "when": when}, time_column="when")
    spec = training_spec(calibration="isotonic", features=["x"], **fields)
    if not pointer:
        assert plan_train(spec, index).counts[0].calibrate.tolist() == [1, 1]
        return
    found = reasons(plan_train, spec, index)
    assert list(found) == [pointer]
    assert word in found[pointer]


def test_regression_by_name_is_refused_and_none_is_not_stored(training_spec: Callable[..., Any]) -> None:
    body = {"job_type": "TRAIN", "model_name": "m", "model_type": "ridge", "dataset_id": 1, "target": {"column": "y"}}
    _, errors = parse_spec({**body, "task": "regression", "calibration": "sigmoid"}, max_runtime_seconds=60)
    assert [error.pointer for error in errors] == ["/calibration"]
    assert "calibration" not in spec_json(training_spec())
    assert "calibration" not in spec_json(training_spec(calibration="none"))
    assert spec_json(training_spec(calibration="sigmoid"))["calibration"] == "sigmoid"
