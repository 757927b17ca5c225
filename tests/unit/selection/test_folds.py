"""Splits of every method: disjoint, in time where time counts, and refused where one of them could not be trained."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ml_training.domain.errors import Invalid
from ml_training.domain.problems import Problems
from ml_training.domain.specs import spec_json
from ml_training.selection.fold_counts import count_folds
from ml_training.selection.folds import Folds
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import TrainPlan, plan_train
from ml_training.selection.split import assign_parts, part_counts
from ml_training.selection.timeline import Timeline

MakeIndex = Callable[..., SelectionIndex]
HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 60
TIMES = [START + HOUR * int(hour) for hour in np.random.default_rng(3).permutation(ROWS)]


@pytest.fixture
def hours(make_index: MakeIndex) -> SelectionIndex:
    """An hour a row, in no order; the last two rows have no time. Three classes, one of them late only."""
    when: list[datetime | None] = [*TIMES[:-2], None, None]
    late = [time is not None and time >= START + 50 * HOUR for time in when]
    return make_index(
        {
            "when": when,
            "x": [float(number) for number in range(ROWS)],
            "y": [number % 2 for number in range(ROWS)],
            "z": [number / 7 for number in range(ROWS)],
            "three": ["late" if is_late else "ab"[number % 2] for number, is_late in enumerate(late)],
        },
        time_column="when",
    )


def drawn(index: SelectionIndex, spec: Any) -> tuple[TrainPlan, Folds]:
    """The plan and its folds, compared with the counts that the check of a job uses."""
    plan = plan_train(spec, index)
    folds, labels, problems = plan.draw_folds(), plan.labels, Problems()
    counts = count_folds(spec, index, labels, problems)
    every = [*folds.splits, *([] if folds.final is folds.splits[0] else [folds.final])]
    assert not problems.pointers
    for count, fold in zip(counts, every, strict=True):
        for expected, rows in ((count.fit, fold.fit), (count.stop, fold.stop)):
            here = (
                np.bincount(plan.labels.y[rows], minlength=len(plan.labels.classes))
                if plan.labels.classes
                else [len(rows)]
            )
            assert expected.tolist() == list(here), count.name
    return plan, folds


def times_of(plan: TrainPlan, positions: Any) -> list[datetime]:
    return [TIMES[row] for row in plan.labels.rows[positions]]


def test_the_last_part_in_time_is_held_out(hours: SelectionIndex, training_spec: Callable[..., Any]) -> None:
    plan, folds = drawn(hours, training_spec(validation={"method": "time_series", "test_size": 0.25}))
    [fold] = folds.splits
    assert folds.final is fold
    assert max(times_of(plan, fold.train)) < min(times_of(plan, fold.held_out))
    assert len(fold.held_out) == 15, "a quarter of the 58 rows that have a time"
    assert sorted([*fold.train, *fold.held_out]) == list(range(58))
    assert plan.dropped == 2


def test_forward_chaining_predicts_each_part_from_all_before_it(
    hours: SelectionIndex, training_spec: Callable[..., Any]
) -> None:
    plan, folds = drawn(hours, training_spec(validation={"method": "time_series", "splits": 4}))
    assert len(folds.splits) == 4
    seen: set[int] = set()
    for fold in folds.splits:
        assert max(times_of(plan, fold.train)) < min(times_of(plan, fold.held_out))
        assert seen <= set(fold.train.tolist())
        seen = {*fold.train.tolist(), *fold.held_out.tolist()}
        assert 11 <= len(fold.held_out) <= 12
    assert len(seen) == 58
    assert folds.final.train.tolist() == list(range(58))
    assert not len(folds.final.held_out)


@pytest.mark.parametrize("target", ["y", "z"])
def test_cross_validation_holds_out_every_row_once(
    hours: SelectionIndex, training_spec: Callable[..., Any], target: str
) -> None:
    validation = {"method": "cross_validation", "splits": 7}
    (plan, folds), (_, again), (_, other) = (
        drawn(hours, training_spec(target=target, validation=validation, random_state=seed)) for seed in (1, 1, 2)
    )
    held_out = [fold.held_out.tolist() for fold in folds.splits]
    assert sorted(row for part in held_out for row in part) == list(range(ROWS))
    assert {len(part) for part in held_out} == {8, 9}
    for fold in folds.splits:
        assert sorted([*fold.train, *fold.held_out]) == list(range(ROWS))
        if target == "y":
            assert abs(int(np.bincount(plan.labels.y[fold.held_out])[0]) - len(fold.held_out) / 2) <= 1
    assert held_out == [fold.held_out.tolist() for fold in again.splits]
    assert held_out != [fold.held_out.tolist() for fold in other.splits]


def test_early_stopping_watches_the_latest_training_rows_where_time_counts(
    hours: SelectionIndex, training_spec: Callable[..., Any]
) -> None:
    spec = training_spec(validation={"method": "time_series", "splits": 2}, early_stopping_rounds=3)
    plan, folds = drawn(hours, spec)
    for fold in (*folds.splits, folds.final):
        assert max(times_of(plan, fold.fit)) < min(times_of(plan, fold.stop))
        assert len(fold.stop) == round(len(fold.train) / 10)
        assert not set(fold.held_out).intersection(fold.train)


def test_a_late_class_may_stand_among_the_rows_that_watch_for_the_end(
    hours: SelectionIndex, training_spec: Callable[..., Any]
) -> None:
    spec = training_spec(
        target="three",
        train_end="2026-01-03T04:00:00Z",
        early_stopping_rounds=3,
        validation={"method": "time_series", "test_size": 0.02},
    )
    plan, folds = drawn(hours, spec)
    lone = TIMES.index(START + 50 * HOUR)  # the only late row before the held-out one, among the last tenth
    assert lone in plan.labels.rows
    assert lone in plan.labels.rows[folds.final.stop]
    assert lone not in plan.labels.rows[folds.final.fit]


def test_rows_whose_horizon_reaches_into_the_held_out_time_are_left_out(
    hours: SelectionIndex, training_spec: Callable[..., Any]
) -> None:
    target = {"column": "x", "horizon": "3h", "min_percent_change": 1, "direction": "up"}
    for validation in ({"method": "time_series"}, {"method": "time_series", "splits": 3}):
        plan, folds = drawn(hours, training_spec(target=target, features=["z"], validation=validation))
        for fold in folds.splits:
            assert max(times_of(plan, fold.train)) + 3 * HOUR < min(times_of(plan, fold.held_out))
        assert folds.purged == 3 * len(folds.splits)
    assert drawn(hours, training_spec(target=target, features=["z"]))[1].purged == 0


@pytest.mark.parametrize("how", [{"test_size": 0.25}, {"splits": 3}], ids=str)
@pytest.mark.parametrize(
    ("horizon", "gaps", "hours_left_out"),
    [
        (None, {"purge": "3h"}, 3),
        (None, {"purge": "90m"}, 1),
        (None, {"embargo": "2h"}, 2),
        (None, {"purge": "3h", "embargo": "120m"}, 5),
        ("4h", {"purge": "3h"}, 4),
        ("2h", {"purge": "3h"}, 3),
        ("2h", {"embargo": "3h"}, 5),
        ("2h", {"purge": "2h", "embargo": "3h"}, 5),
    ],
)
def test_purge_and_embargo_leave_a_gap_before_the_held_out_rows(
    hours: SelectionIndex,
    training_spec: Callable[..., Any],
    how: dict[str, Any],
    horizon: str | None,
    gaps: dict[str, str],
    hours_left_out: int,
) -> None:
    """A label that is known at the first held-out moment is too late: the row of exactly that distance goes too."""
    target = {"column": "x", "horizon": horizon, "min_percent_change": 1, "direction": "up"} if horizon else "y"
    fields = {"target": target, "features": ["z"], "validation": {"method": "time_series", **how, **gaps}}
    plan, folds = drawn(hours, training_spec(**fields))
    for fold in folds.splits:
        first = min(times_of(plan, fold.held_out))
        assert max(times_of(plan, fold.train)) == first - (hours_left_out + 1) * HOUR
    assert folds.purged == plan.purged == hours_left_out * len(folds.splits)
    if folds.final is not folds.splits[0]:
        assert len(folds.final.train) == len(plan.labels.rows), "the stored model is fitted on all rows"


def test_a_gap_that_leaves_nothing_to_learn_from_is_refused(
    hours: SelectionIndex, training_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    spec = training_spec(validation={"method": "time_series", "splits": 3, "purge": "10h", "embargo": "5h"})
    detail = "split 1 has no row to learn from, since all 14 before the held-out ones are purged: shorten purge, "
    assert reasons(plan_train, spec, hours) == {"/validation": f"{detail}embargo or horizon"}


def test_without_a_gap_a_spec_is_stored_as_it_was_before(training_spec: Callable[..., Any]) -> None:
    plain = spec_json(training_spec(validation={"method": "time_series", "splits": 3}))["validation"]
    assert plain == {"method": "time_series", "test_size": None, "splits": 3}
    with_purge = spec_json(training_spec(validation={"method": "time_series", "purge": "7d"}))["validation"]
    assert with_purge == {"method": "time_series", "test_size": None, "splits": None, "purge": "7d"}


@pytest.mark.parametrize(
    ("columns", "fields", "pointer", "word"),
    [
        ({}, {"validation": {"method": "time_series"}}, "/validation/method", "no time column"),
        ({"when": [START] * 20}, {"validation": {"method": "time_series"}}, "/validation/method", "same time"),
        (
            {"when": [START + HOUR * (row // 10) for row in range(20)]},
            {"validation": {"method": "time_series", "splits": 3}},
            "/validation/splits",
            "too few different times",
        ),
        (
            {"y": [0, 0, 1, 1] * 5},
            {"validation": {"method": "cross_validation", "splits": 20}, "phases": [1]},
            "/validation/splits",
            "too few",
        ),
        (
            {"when": [START + HOUR * row for row in range(20)], "y": [0] * 15 + [1] * 5},
            {"validation": {"method": "time_series", "test_size": 0.3}},
            "/validation",
            "one class only, 0",
        ),
        (
            {"y": [0] * 19 + [1]},
            {"validation": {"method": "cross_validation"}},
            "/validation",
            "one class only, 0",
        ),
        ({"y": [0] * 19 + [1]}, {"class_balance": "smote"}, "/class_balance", "one row of 1"),
        ({"y": [n / 3 for n in range(20)]}, {"class_balance": "weights"}, "/class_balance", "quantity"),
        (
            {"when": [START + HOUR * (row // 19) for row in range(20)]},
            {"validation": {"method": "time_series"}, "early_stopping_rounds": 2},
            "/early_stopping_rounds",
            "too few",
        ),
    ],
)
def test_what_could_not_be_trained_is_refused_by_name(
    make_index: MakeIndex,
    training_spec: Callable[..., Any],
    reasons: Callable[..., dict[str, str]],
    columns: dict[str, Any],
    fields: dict[str, Any],
    pointer: str,
    word: str,
) -> None:
    rows = {"x": [float(n) for n in range(20)], "phase": [1, 2] * 10, "y": [0, 1] * 10, **columns}
    index = make_index(rows, time_column="when" if "when" in columns else None, phase_column="phase")
    found = reasons(plan_train, training_spec(**fields), index)
    assert list(found) == [pointer]
    assert word in found[pointer]


@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.floats(0.01, 0.9))
def test_the_last_part_is_never_all_and_never_torn_from_equal_times(times: list[int], share: float) -> None:
    moments = np.array(times, dtype=np.int64)
    cut = Timeline.of(moments).last_part(share)
    if cut is None:
        assert len(set(times)) == 1
        return
    held_out = moments >= cut
    assert 0 < held_out.sum() < len(times)
    wanted = max(1, int(len(times) * share + 0.5))
    later = moments > cut
    assert held_out.sum() >= min(wanted, len(times) - (moments == moments.min()).sum())
    assert later.sum() < wanted or cut == min(set(times) - {min(times)})


@given(st.lists(st.integers(0, 4), min_size=2, max_size=80), st.integers(2, 20), st.integers(0, 2**31))
def test_parts_are_even_over_all_and_over_each_class(codes: list[int], count: int, seed: int) -> None:
    y = np.array(codes)
    part = assign_parts(y, count=count, stratified=True, seed=seed)
    sizes = np.bincount(part, minlength=count)
    assert sizes.max() - sizes.min() <= 1
    predicted = part_counts(np.bincount(y), count=count)
    assert predicted.sum(axis=1).tolist() == sizes.tolist()
    for code in set(codes):
        assert predicted[:, code].tolist() == np.bincount(part[y == code], minlength=count).tolist()
        of_class = np.bincount(part[y == code], minlength=count)
        assert of_class.max() - of_class.min() <= 1


@given(st.integers(0, 10**6))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_check_counts_what_the_engine_draws(
    make_index: MakeIndex, training_spec: Callable[..., Any], seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows = int(random.integers(6, 80))
    hours = random.integers(0, rows, rows)
    index = make_index(
        {
            "when": [START + int(hour) * HOUR for hour in (hours if seed % 2 else np.sort(hours))],
            "x": [float(value) for value in random.choice([1.0, 2.0, 3.0], rows)],
            "y": [int(code) for code in random.choice([0, 1, 2], rows, p=[0.6, 0.3, 0.1])],
        },
        time_column="when",
    )
    validation = [
        {"method": "holdout", "test_size": 0.3},
        {"method": "cross_validation", "splits": int(random.integers(2, 6))},
        {"method": "time_series"},
        {"method": "time_series", "splits": int(random.integers(2, 5))},
    ][seed % 4]
    if validation["method"] == "time_series":
        gaps = {name: f"{int(random.integers(1, 6))}h" for name in ("purge", "embargo") if random.random() < 0.4}
        validation = {**validation, **gaps}
    move = {"column": "x", "horizon": "2h", "min_percent_change": 20, "direction": "up"}
    target = [{"column": "y"}, {"column": "x", "operator": ">", "value": 1.5}, move][seed % 3]
    stopping = {"early_stopping_rounds": 3} if random.random() < 0.5 else {}
    spec = training_spec(target=target, features=["x"] if seed % 3 == 0 else ["y"], validation=validation, **stopping)
    try:
        drawn(index, spec)
    except Invalid:
        event("refused")
    else:
        event("drawn")
