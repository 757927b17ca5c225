"""TRAIN jobs that can run get rows, labels and features; those that cannot are refused with every reason."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from ml_training.domain.specs import TrainSpec
from ml_training.domain.states import TaskKind
from ml_training.selection.index import ColumnKind, SelectionIndex
from ml_training.selection.plan import Folds, TrainPlan, plan_train

MakeIndex = Callable[..., SelectionIndex]
DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
X = [float(number) for number in range(10)]
BINARY = [0, 1] * 5
STOPPING = {"early_stopping_rounds": 5}


@pytest.fixture
def history(make_index: MakeIndex) -> SelectionIndex:
    """Ten days, one row a day; the sixth has no time, the seventh no phase."""
    return make_index(
        {
            "when": [None if day == 5 else START + day * DAY for day in range(10)],
            "phase": [None if day == 6 else 1.0 + day % 3 for day in range(10)],
            "stage": ["early"] * 5 + ["late"] * 5,
            "who": [1, 1, 2, 2, 3, 3, 4, 4, 5, 5],
            "x": X,
            "y": [None if day == 9 else day % 2 == 0 for day in range(10)],
        },
        time_column="when",
        phase_column="phase",
        group_column="who",
    )


def plan_of(index: SelectionIndex, training_spec: Callable[..., Any], **fields: Any) -> TrainPlan:
    return plan_train(training_spec(**fields), index)


def folds_of(index: SelectionIndex, training_spec: Callable[..., Any], **fields: Any) -> Folds:
    spec = training_spec(**fields)
    return plan_train(spec, index).draw_folds()


def feature_names(plan: TrainPlan) -> tuple[str, ...]:
    return tuple(feature.name for feature in plan.features)


@pytest.mark.parametrize(
    ("target", "forced", "task", "classes", "positive"),
    [
        ([0, 1] * 5, None, TaskKind.BINARY, (0, 1), 1),
        ([1, 2] * 5, None, TaskKind.BINARY, (1, 2), 0),
        ([-1, 1] * 5, None, TaskKind.BINARY, (-1, 1), 1),
        ([5, 7] * 5, None, TaskKind.BINARY, (5, 7), 1),
        ([True, False] * 5, None, TaskKind.BINARY, (False, True), 1),
        (["yes", "no"] * 5, None, TaskKind.BINARY, ("no", "yes"), 1),
        (["1", "2"] * 5, None, TaskKind.BINARY, ("1", "2"), 1),
        (["a", "b", "c", "a", "b"] * 2, None, TaskKind.MULTICLASS, ("a", "b", "c"), None),
        ([0.0, 1.0, None, 1.0, 0.0] * 2, None, TaskKind.BINARY, (0, 1), 1),
        ([0.5, 1.5] * 5, None, TaskKind.REGRESSION, None, None),
        ([0.5, 1.5] * 5, "classification", TaskKind.BINARY, (0.5, 1.5), 1),
        ([0, 1] * 5, "regression", TaskKind.REGRESSION, None, None),
        (list(range(20)) * 2, None, TaskKind.MULTICLASS, tuple(range(20)), None),
        (list(range(21)) * 2, None, TaskKind.REGRESSION, None, None),
        (list(range(21)) * 2, "classification", TaskKind.MULTICLASS, tuple(range(21)), None),
        ([-(2**62), 2**62] * 5, None, TaskKind.BINARY, (-(2**62), 2**62), 1),
        ([float(2**60), float(2**61)] * 5, None, TaskKind.REGRESSION, None, None),
    ],
)
def test_the_task_follows_from_the_target_unless_it_is_forced(
    make_index: MakeIndex,
    training_spec: Callable[..., Any],
    target: list[Any],
    forced: str | None,
    task: TaskKind,
    classes: tuple[Any, ...] | None,
    positive: int | None,
) -> None:
    index = make_index({"x": [float(n) for n in range(len(target))], "y": target})
    plan = plan_of(index, training_spec, task=forced)
    labels = plan.labels
    assert (labels.task, labels.classes, labels.positive) == (task, classes, positive)
    assert [type(label) for label in labels.classes or ()] == [type(label) for label in classes or ()]
    present = [value for value in target if value is not None]
    meant = (
        plan.labels.y.tolist() if plan.labels.classes is None else [plan.labels.classes[code] for code in plan.labels.y]
    )
    assert meant == present
    assert labels.y.dtype == (np.float64 if labels.classes is None else np.int32)
    assert len(labels.rows) == len(present) == len(target) - plan.dropped


def test_without_filters_every_labelled_row_is_used(history: SelectionIndex, training_spec: Callable[..., Any]) -> None:
    plan = plan_of(history, training_spec)
    assert plan.labels.rows.tolist() == list(range(9))
    assert plan.dropped == 1


@pytest.mark.parametrize(
    ("fields", "rows"),
    [
        ({"train_start": "2026-01-03T00:00:00Z"}, [2, 3, 4, 6, 7, 8]),
        ({"train_end": "2026-01-04T00:00:00Z"}, [0, 1, 2]),
        ({"train_end": "2026-01-04T00:00:00.000001Z"}, [0, 1, 2, 3]),
        ({"train_start": "2026-01-02T00:00:00+02:00", "train_end": "2026-01-05T00:00:00Z"}, [1, 2, 3]),
        ({"phases": [1, 2]}, [0, 1, 3, 4, 7]),
        ({"phases": [1, 2], "train_end": "2026-01-05T00:00:00Z"}, [0, 1, 3]),
    ],
)
def test_window_and_phases_choose_rows_start_included_end_not(
    history: SelectionIndex, training_spec: Callable[..., Any], fields: dict[str, Any], rows: list[int]
) -> None:
    assert plan_of(history, training_spec, **fields).labels.rows.tolist() == rows


def test_classes_are_those_of_the_selected_rows(make_index: MakeIndex, training_spec: Callable[..., Any]) -> None:
    index = make_index(
        {"x": X, "y": ["a", "b", "c", "d", "d"] * 2, "p": ["u", "u", "u", "v", "v"] * 2}, phase_column="p"
    )
    assert plan_of(index, training_spec, phases=["u"]).labels.classes == ("a", "b", "c")


def test_auto_takes_what_varies_and_can_be_learnt_from(
    make_index: MakeIndex, training_spec: Callable[..., Any]
) -> None:
    index = make_index(
        {
            "b": X,
            "when": [START + day * DAY for day in range(10)],
            "born": [START - day * DAY for day in range(10)],
            "who": BINARY,
            "phase": [1, 2] * 5,
            "note": ColumnKind.TEXT,
            "empty": ColumnKind.NUMBER,
            "constant": [3] * 10,
            "one": ["k", None] * 5,
            "y": BINARY,
            "a": ["u", "v"] * 5,
            "flag": [True, False] * 5,
        },
        time_column="when",
        phase_column="phase",
        group_column="who",
    )
    assert feature_names(plan_of(index, training_spec)) == ("b", "phase", "a", "flag")
    assert feature_names(plan_of(index, training_spec, phases=[1, 2])) == ("b", "phase", "a", "flag")
    assert feature_names(plan_of(index, training_spec, exclude_features=["a", "b"])) == ("phase", "flag")


def test_one_selected_phase_is_no_feature(make_index: MakeIndex, training_spec: Callable[..., Any]) -> None:
    index = make_index({"x": X, "y": [0, 0, 1, 1, 0] * 2, "phase": [1, 2] * 5}, phase_column="phase")
    assert feature_names(plan_of(index, training_spec, phases=[1])) == ("x",)


def test_listed_features_come_in_the_order_of_the_data_set(
    make_index: MakeIndex, training_spec: Callable[..., Any]
) -> None:
    index = make_index({"a": X, "b": X, "c": [1] * 10, "y": BINARY})
    assert feature_names(plan_of(index, training_spec, features=["c", "a"])) == ("a", "c")
    assert feature_names(plan_of(index, training_spec, features=["c", "a"], exclude_features=["c"])) == ("a",)


def test_every_reason_is_given_at_once(
    history: SelectionIndex, training_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    spec = training_spec(
        target="nope",
        features=["x", "ghost", "x", "when"],
        exclude_features=["x", "missing"],
        phases=[1, 9, "1"],
        train_start="2030-01-01T00:00:00Z",
    )
    found = reasons(plan_train, spec, history)
    assert set(found) == {
        "/target/column",
        "/features/1",
        "/features/2",
        "/features/3",
        "/exclude_features/1",
        "/phases/1",
        "/phases/2",
        "/train_start",
    }
    assert "1, 2, 3" in found["/phases/1"]
    assert '"1"' in found["/phases/2"]


@pytest.mark.parametrize(
    ("fields", "pointer", "word"),
    [
        ({"phases": [1]}, "/phases", "no phase column"),
        ({"train_start": "2026-01-01T00:00:00Z"}, "/train_start", "no time column"),
        ({"train_end": "2026-01-01T00:00:00Z"}, "/train_end", "no time column"),
        ({"target": "note"}, "/target/column", "text"),
        ({"target": "when"}, "/target/column", "time"),
        ({"target": "empty"}, "/target/column", "no value"),
        ({"target": "constant"}, "/target/column", "one class only, 3"),
        ({"target": "fixed"}, "/target/column", "one value only, 2.5"),
        ({"target": "name", "task": "regression"}, "/task", "category"),
        ({"target": "flag", "task": "regression"}, "/task", "boolean"),
        ({"target": "unique"}, "/target/column", "two rows"),
        ({"target": "x", "model_type": "logistic_regression"}, "/model_type", "classification only"),
        ({"features": ["y"]}, "/features/0", "target"),
        ({"features": ["note"]}, "/features/0", "text"),
        ({"features": ["empty"]}, "/features/0", "no values"),
        ({"features": ["x"], "exclude_features": ["x"]}, "/features", "no usable feature"),
    ],
)
def test_what_the_data_cannot_carry_is_refused(
    make_index: MakeIndex,
    training_spec: Callable[..., Any],
    reasons: Callable[..., dict[str, str]],
    fields: dict[str, Any],
    pointer: str,
    word: str,
) -> None:
    index = make_index(
        {
            "x": [number + 0.5 for number in X],
            "y": BINARY,
            "note": ColumnKind.TEXT,
            "empty": ColumnKind.NUMBER,
            "constant": [3] * 10,
            "fixed": [2.5] * 10,
            "name": ["a", "b"] * 5,
            "flag": [True, False] * 5,
            "unique": [chr(97 + n) for n in range(10)],
            "when": [START] * 10,
        }
    )
    found = reasons(plan_train, training_spec(**fields), index)
    assert list(found) == [pointer]
    assert word in found[pointer]


def test_filters_that_leave_nothing_together_are_refused(
    history: SelectionIndex, training_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    spec = training_spec(phases=[3], train_end="2026-01-02T00:00:00Z")
    assert list(reasons(plan_train, spec, history)) == ["/phases"]


def test_a_phase_is_named_as_the_data_has_it(
    history: SelectionIndex,
    make_index: MakeIndex,
    training_spec: Callable[..., Any],
    reasons: Callable[..., dict[str, str]],
) -> None:
    texts = make_index({"x": X, "y": [0, 0, 1, 1, 0] * 2, "p": ["1", "2"] * 5}, phase_column="p")
    assert len(plan_of(texts, training_spec, phases=["2"]).labels.rows) == 5
    assert '"1", "2"' in reasons(plan_train, training_spec(phases=[1]), texts)["/phases/0"]
    assert "1, 2, 3" in reasons(plan_train, training_spec(phases=["1"]), history)["/phases/0"]


def test_too_many_classes_are_refused(
    make_index: MakeIndex, training_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    many = np.repeat(np.arange(1_001), 2)
    index = make_index({"x": many.astype(float), "wide": many * 1_000, "y": many, "t": [f"c{n}" for n in many]})
    for target in ("y", "wide", "t"):
        found = reasons(plan_train, training_spec(target=target, task="classification"), index)
        assert "1,000 classes" in found["/target/column"]


def test_a_column_of_too_many_categories_is_an_identifier(
    make_index: MakeIndex, training_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    names = [f"c{number}" for number in range(10_001)]
    index = make_index({"x": np.arange(10_001) / 7, "id": names, "y": [0, 1] * 5_000 + [0]})
    assert feature_names(plan_of(index, training_spec)) == ("x",)
    assert "10,000" in reasons(plan_train, training_spec(features=["id"]), index)["/features/0"]


def test_early_stopping_takes_a_tenth_of_the_training_part_and_no_held_out_row(
    make_index: MakeIndex, training_spec: Callable[..., Any]
) -> None:
    index = make_index({"x": np.arange(1_000) / 3, "y": np.arange(1_000) % 4 // 3, "z": np.arange(1_000) / 7})
    for target in ("y", "z"):
        plan = plan_of(index, training_spec, target=target, **STOPPING)
        folds, again, other, without = (
            folds_of(index, training_spec, target=target, **fields)
            for fields in (STOPPING, STOPPING, {**STOPPING, "random_state": 43}, {})
        )
        fit, stop, held_out = folds.final.fit, folds.final.stop, folds.final.held_out
        assert len(stop) == 80
        assert sorted([*fit, *stop]) == without.final.fit.tolist()
        assert held_out.tolist() == without.final.held_out.tolist()
        assert stop.tolist() == again.final.stop.tolist()
        assert stop.tolist() != other.final.stop.tolist()
        if target == "y":
            assert np.bincount(plan.labels.y[stop]).tolist() == [60, 20]


def test_early_stopping_is_refused_where_nothing_can_be_set_aside(
    make_index: MakeIndex, training_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    index = make_index({"x": X[:3], "y": ["a", "b", "b"]})
    assert len(folds_of(index, training_spec).final.train) == 2
    spec = training_spec(early_stopping_rounds=5)
    assert list(reasons(plan_train, spec, index)) == ["/early_stopping_rounds"]


def test_the_same_question_has_the_same_answer_and_the_seed_changes_the_split_only(
    history: SelectionIndex, training_spec: Callable[..., Any]
) -> None:
    first, again, other = (folds_of(history, training_spec, random_state=seed) for seed in (1, 1, 4))
    assert first.final.held_out.tolist() == again.final.held_out.tolist()
    assert first.final.held_out.tolist() != other.final.held_out.tolist()
    rows = [plan_of(history, training_spec, random_state=seed).labels.rows.tolist() for seed in (1, 4)]
    assert rows[0] == rows[1]


def test_a_list_of_names_as_long_as_a_body_is_judged_at_once(
    make_index: MakeIndex, training_spec: Callable[..., TrainSpec], reasons: Callable[..., dict[str, str]]
) -> None:
    index = make_index({"x": [1.0, 2.0, 3.0, 4.0], "y": [0, 1, 0, 1]})
    names = [f"c{number}" for number in range(19_000)]
    spec = training_spec(features=[*names, "x", "x"], exclude_features=names)
    started = time.process_time()
    found = reasons(plan_train, spec, index)
    assert time.process_time() - started < 5
    assert len(found) == 38_001
    assert "twice" in found["/features/19001"]
