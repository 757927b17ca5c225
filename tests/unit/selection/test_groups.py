"""Splits by group: no group on two sides, parts about equally large, and refused where groups are too few."""

import heapq
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ml_training.domain.errors import Invalid
from ml_training.domain.problems import Problems
from ml_training.selection.fold_counts import count_folds
from ml_training.selection.folds import Fold, Folds
from ml_training.selection.groups import assign_groups, hold_groups_out
from ml_training.selection.index import ColumnKind, SelectionIndex
from ml_training.selection.plan import TrainPlan, plan_train

MakeIndex = Callable[..., SelectionIndex]
ROWS = 120
GROUPS = st.lists(st.integers(0, 12), min_size=1, max_size=90).map(lambda codes: np.array(codes, dtype=np.int32))
SEEDS = st.integers(0, 2**31 - 1)


@pytest.fixture
def visits(make_index: MakeIndex) -> SelectionIndex:
    """Visits of patients, some of them often; every tenth visit names no patient, and there are four wards."""
    random = np.random.default_rng(4)
    patients = [f"p{int(number)}" for number in np.minimum(random.geometric(0.12, ROWS), 20)]
    return make_index(
        {
            "patient": [None if row % 10 == 0 else name for row, name in enumerate(patients)],
            "ward": [int(name[1:]) % 4 for name in patients],
            "x": [float(value) for value in random.normal(size=ROWS)],
            "y": [int(value) for value in random.integers(0, 2, ROWS)],
            "note": ColumnKind.TEXT,
        },
        group_column="patient",
    )


def drawn(index: SelectionIndex, spec: Any) -> tuple[TrainPlan, Folds]:
    """The plan and its folds, compared with the counts that the check of a job uses."""
    plan = plan_train(spec, index)
    folds, problems = plan.draw_folds(), Problems()
    counts = count_folds(spec, index, plan.labels, problems)
    assert not problems.pointers
    every = [*folds.splits, *([] if folds.final is folds.splits[0] else [folds.final])]
    for count, fold in zip(counts, every, strict=True):
        assert (count.fit.sum(), count.stop.sum()) == (len(fold.fit), len(fold.stop)), count.name
    return plan, folds


def groups_on(plan: TrainPlan, rows: Any, column: str) -> set[int]:
    return set(plan.index.values(column)[plan.labels.rows[rows]].tolist())


def assert_apart(plan: TrainPlan, fold: Fold, column: str) -> None:
    """The rows to learn from, to watch and to measure have no group in common."""
    fit, stop, held_out = (groups_on(plan, rows, column) for rows in (fold.fit, fold.stop, fold.held_out))
    assert not fit & stop
    assert not (fit | stop) & held_out


def test_a_holdout_by_group_tears_no_group_apart(visits: SelectionIndex, training_spec: Callable[..., Any]) -> None:
    for seed in range(20):
        validation = {"method": "group_holdout", "test_size": 0.3}
        spec = training_spec(validation=validation, early_stopping_rounds=3, random_state=seed)
        plan, folds = drawn(visits, spec)
        [fold] = folds.splits
        assert folds.final is fold
        assert_apart(plan, fold, "patient")
        assert len(fold.stop), "early stopping watches whole groups"
        assert sorted([*fold.fit, *fold.stop, *fold.held_out]) == list(range(108)), "rows with a patient"
        assert plan.dropped == 12, "rows without one"
        assert 20 <= len(fold.held_out) <= 44


def test_every_group_is_held_out_once_in_parts_of_about_equal_size(
    visits: SelectionIndex, training_spec: Callable[..., Any]
) -> None:
    validation = {"method": "group_k_fold", "splits": 4}
    plan, folds = drawn(visits, training_spec(validation=validation, early_stopping_rounds=3))
    held_out = [fold.held_out.tolist() for fold in folds.splits]
    assert sorted(row for part in held_out for row in part) == list(range(108))
    assert max(map(len, held_out)) - min(map(len, held_out)) <= 2
    for fold in (*folds.splits, folds.final):
        assert_apart(plan, fold, "patient")
    assert folds.final.train.tolist() == list(range(108))
    assert not len(folds.final.held_out)


def test_a_named_column_is_kept_together_and_is_no_feature(
    visits: SelectionIndex, training_spec: Callable[..., Any]
) -> None:
    plan, folds = drawn(
        visits, training_spec(validation={"method": "group_k_fold", "group_column": "ward", "splits": 3})
    )
    assert plan.dropped == 0, "every row has a ward"
    assert [feature.name for feature in plan.features] == ["x"]
    for fold in folds.splits:
        assert_apart(plan, fold, "ward")
    other = plan_train(training_spec(validation={"method": "group_k_fold", "splits": 3}), visits)
    assert [feature.name for feature in other.features] == ["ward", "x"]


def test_the_seed_decides_and_nothing_else(visits: SelectionIndex, training_spec: Callable[..., Any]) -> None:
    found = [
        [drawn(visits, training_spec(validation=validation, random_state=seed))[1] for seed in (1, 1, 2)]
        for validation in ({"method": "group_holdout"}, {"method": "group_k_fold", "splits": 3})
    ]
    for first, again, other in found:
        rows = [[fold.held_out.tolist() for fold in folds.splits] for folds in (first, again, other)]
        assert rows[0] == rows[1]
        assert rows[0] != rows[2]


@pytest.mark.parametrize(
    ("columns", "fields", "pointer", "word"),
    [
        ({}, {"method": "group_holdout"}, "/validation/group_column", "no group column: name a column here"),
        ({}, {"method": "group_k_fold", "group_column": "h"}, "/validation/group_column", "no column 'h'"),
        ({}, {"method": "group_k_fold", "group_column": "text"}, "/validation/group_column", "is text"),
        ({}, {"method": "group_holdout", "group_column": "y"}, "/validation/group_column", "is the target"),
        (
            {"g": [1] * 20},
            {"method": "group_holdout", "group_column": "g"},
            "/validation/group_column",
            "1 group of column 'g': at least two are needed",
        ),
        (
            {"g": [row % 4 for row in range(20)]},
            {"method": "group_k_fold", "group_column": "g"},
            "/validation/splits",
            "4 groups of column 'g' are too few for 5 splits",
        ),
        (
            {"g": [None, None, "a", "a"] * 5, "phase": [1, 1, 2, 2] * 5},
            {"method": "group_holdout", "group_column": "g"},
            "/validation/group_column",
            "no value in the selected rows",
        ),
        (
            {"g": [row // 10 for row in range(20)], "y": [0] * 10 + [1] * 10},
            {"method": "group_k_fold", "group_column": "g", "splits": 2},
            "/validation",
            "one class only",
        ),
    ],
)
def test_groups_that_cannot_be_split_are_refused_by_name(
    make_index: MakeIndex,
    training_spec: Callable[..., Any],
    reasons: Callable[..., dict[str, str]],
    columns: dict[str, Any],
    fields: dict[str, Any],
    pointer: str,
    word: str,
) -> None:
    rows = {"x": [float(n) for n in range(20)], "y": [0, 1] * 10, "text": ColumnKind.TEXT, **columns}
    index = make_index(rows, phase_column="phase" if "phase" in columns else None)
    phases = {"phases": [1]} if "phase" in columns else {}
    found = reasons(plan_train, training_spec(features=["x"], validation=fields, **phases), index)
    assert list(found) == [pointer]
    assert word in found[pointer]


def test_one_group_to_learn_from_leaves_none_to_watch(
    make_index: MakeIndex, training_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    index = make_index({"x": [1.0, 2.0] * 10, "y": [0, 1] * 10, "g": [0] * 10 + [1] * 10}, group_column="g")
    spec = training_spec(validation={"method": "group_holdout"}, early_stopping_rounds=2)
    assert reasons(plan_train, spec, index) == {
        "/early_stopping_rounds": "the training part has too few groups to set 10 % of them aside: leave it out"
    }


@pytest.mark.parametrize(
    "values",
    [[3, -1, 3, 7], [2**60, 5, 2**60, -(2**61)], ["b", None, "a", "b"], [0.5, -1.0, 0.5, 1e300], [True, False]],
)
def test_groups_of_every_kind_of_column_are_told_apart(
    make_index: MakeIndex, training_spec: Callable[..., Any], values: list[Any]
) -> None:
    rows = 24
    column = (values * rows)[:rows]
    index = make_index({"g": column, "x": [float(n % 5) for n in range(rows)], "y": [0, 0, 0, 1, 1, 1] * 4})
    plan, folds = drawn(index, training_spec(validation={"method": "group_k_fold", "splits": 2, "group_column": "g"}))
    assert len(plan.labels.rows) == sum(value is not None for value in column)
    for fold in folds.splits:
        assert_apart(plan, fold, "g")


@given(GROUPS, st.floats(0.01, 0.9), SEEDS)
def test_what_is_held_out_is_whole_groups_and_near_the_share(groups: Any, share: float, seed: int) -> None:
    stay, out = hold_groups_out(groups, share=share, seed=seed)
    assert sorted([*stay, *out]) == list(range(len(groups)))
    here, there = set(groups[stay].tolist()), set(groups[out].tolist())
    assert not here & there
    assert here, "at least one group stays"
    sizes = np.bincount(groups)
    sizes = sizes[sizes > 0]
    if len(sizes) == 1:
        assert not there
        return
    assert there
    wanted = max(1, int(len(groups) * share + 0.5))
    small = sizes[sizes < 2 * wanted]
    if not len(small):
        assert len(out) == sizes.min()
    elif len(there) < min(len(small), len(sizes) - 1):
        assert abs(len(out) - wanted) <= small.max() / 2, "one group more or less would not be nearer"
    else:
        assert len(out) <= wanted + small.max() / 2


@given(GROUPS, st.integers(2, 8), SEEDS)
def test_parts_are_filled_one_group_after_the_other_as_by_hand(groups: Any, count: int, seed: int) -> None:
    part = assign_groups(groups, count=count, seed=seed)
    assert len({(group, number) for group, number in zip(groups.tolist(), part.tolist(), strict=True)}) == len(
        set(groups.tolist())
    ), "one part for each group"
    loads = [(0, number) for number in range(count)]
    for size in sorted(np.bincount(groups).tolist(), reverse=True):
        load, number = heapq.heappop(loads)
        heapq.heappush(loads, (load + size, number))
    assert np.bincount(part, minlength=count).tolist() == [load for load, _ in sorted(loads, key=lambda one: one[1])]


@given(st.integers(0, 10**6))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_check_of_groups_counts_what_the_engine_draws(
    make_index: MakeIndex, training_spec: Callable[..., Any], seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows = int(random.integers(6, 80))
    index = make_index(
        {
            "g": [None if value == 0 else f"g{value}" for value in random.integers(0, rows, rows).tolist()] + ["last"],
            "x": [float(value) for value in random.choice([1.0, 2.0, 3.0], rows + 1)],
            "y": [int(code) for code in random.choice([0, 1, 2], rows + 1, p=[0.6, 0.3, 0.1])],
        },
        group_column="g",
    )
    validation = {"method": "group_holdout", "test_size": 0.3}
    if seed % 2:
        validation = {"method": "group_k_fold", "splits": int(random.integers(2, 6))}
    stopping = {"early_stopping_rounds": 3} if random.random() < 0.5 else {}
    try:
        plan, folds = drawn(index, training_spec(validation=validation, random_state=seed, **stopping))
    except Invalid:
        event("refused")
        return
    event("drawn")
    for fold in (*folds.splits, folds.final):
        assert_apart(plan, fold, "g")
