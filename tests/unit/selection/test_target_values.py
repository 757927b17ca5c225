"""Targets made by a rule or a horizon, held against the plainest way to compute them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_training.domain.states import TaskKind
from ml_training.selection.index import ColumnKind, SelectionIndex
from ml_training.selection.plan import plan_test, plan_train
from ml_training.selection.schema import FeatureSchema, ModelSchema

MakeIndex = Callable[..., SelectionIndex]
MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
UP = {"column": "price", "horizon": "2m", "min_percent_change": 10, "direction": "up"}


@pytest.fixture
def market(make_index: MakeIndex) -> SelectionIndex:
    """Two shares, a row a minute each, mixed; one price is missing and one is 0."""
    prices = {"a": [10.0, 10.5, 12.0, None, 9.0, 9.5], "b": [5.0, 0.0, 5.4, 5.6, 7.0, 7.0]}
    rows = [(minute, share, prices[share][minute]) for minute in range(6) for share in ("b", "a")]
    return make_index(
        {
            "when": [START + minute * MINUTE for minute, _, _ in rows],
            "share": [share for _, share, _ in rows],
            "price": [price for _, _, price in rows],
            "x": [float(number) for number in range(12)],
        },
        time_column="when",
        group_column="share",
    )


def labels(plan: Any) -> dict[int, bool]:
    assert plan.labels.classes == (False, True)
    return {int(row): bool(code) for row, code in zip(plan.labels.rows, plan.labels.y, strict=True)}


def test_a_horizon_compares_with_the_last_value_at_its_end_within_the_group(
    market: SelectionIndex, training_spec: Callable[..., Any]
) -> None:
    plan = plan_train(training_spec(target=UP, features=["x"], validation={"test_size": 0.5}), market)
    assert (plan.labels.task, plan.labels.positive) == (TaskKind.BINARY, 1)
    # b: 5 -> 5.4 no; 0 is undefined; 5.4 -> 7 yes; 5.6 -> 7 yes; the last two minutes are not covered.
    # a: 10 -> 12 yes; 10.5 -> 12 (minute 3 has no price) yes; 12 -> 9 no; minute 3 has no price.
    assert labels(plan) == {0: False, 4: True, 6: True, 1: True, 3: True, 5: False}
    assert (plan.dropped, plan.labels.not_covered) == (6, 6)
    down = plan_train(
        training_spec(target={**UP, "direction": "down"}, features=["x"], validation={"test_size": 0.5}), market
    )
    assert labels(down) == {0: False, 4: False, 6: False, 1: False, 3: False, 5: True}


def test_a_row_is_covered_by_a_row_at_the_very_end_of_its_horizon(
    make_index: MakeIndex, training_spec: Callable[..., Any]
) -> None:
    index = make_index(
        {"when": [START + 2 * number * MINUTE for number in range(8)], "price": [7.0, 9.1] * 4, "x": list(range(8))},
        time_column="when",
    )
    plan = plan_train(training_spec(target={**UP, "min_percent_change": 30}, features=["x", "price"]), index)
    assert labels(plan) == {row: row % 2 == 0 for row in range(7)}, "7 -> 9.1 is a move by 30 %"
    between = plan_train(training_spec(target={**UP, "horizon": "3m"}, features=["x"]), index)
    assert labels(between) == {row: row % 2 == 0 for row in range(6)}, "compared with the last row before the end"


Rows = list[tuple[int | None, int | None, float | None]]
PRICES = [None, -2.0, -1.0, 0.0, 1.0, 1.5, 2.0, 1e308]


def some_rows(seed: int) -> Rows:
    """Minutes with ties, up to three groups, prices of every sort; a tenth is missing."""
    random = np.random.default_rng(seed)
    groups, minutes = random.integers(1, 4), random.integers(2, 20)

    def drawn(below: int) -> int | None:
        return None if random.random() < 0.1 else int(random.integers(below))

    return [
        (drawn(minutes), drawn(groups), PRICES[random.integers(len(PRICES))]) for _ in range(random.integers(1, 60))
    ]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**9), horizon=st.integers(1, 6), change=st.sampled_from([10.0, 50.0, 300.0]), up=st.booleans()
)
def test_a_horizon_is_what_a_loop_over_all_rows_says(
    make_index: MakeIndex, testing_spec: Callable[..., Any], seed: int, horizon: int, change: float, up: bool
) -> None:
    rows = some_rows(seed)
    expected = _by_loop(rows, horizon, change, up)
    if not expected or not any(group is not None for _, group, _ in rows):
        return
    index = make_index(
        {
            "when": [None if minute is None else START + minute * MINUTE for minute, _, _ in rows] or [START],
            "share": [None if group is None else f"g{group}" for _, group, _ in rows],
            "price": np.array([np.nan if price is None else price for _, _, price in rows]),
        },
        time_column="when",
        group_column="share",
    )
    target = {"column": "price", "horizon": f"{horizon}m", "min_percent_change": change}
    target["direction"] = "up" if up else "down"
    schema = ModelSchema.from_json(
        {"task": "binary", "target": target, "classes": [False, True], "grouped": False, "features": []}, model_id=7
    )
    plan = plan_test(testing_spec(), index, [schema])
    assert labels(plan) == expected
    assert plan.labels.not_covered == len(rows) - len(expected)


def _by_loop(rows: Rows, horizon: int, change: float, up: bool) -> dict[int, bool]:
    found = {}
    placed = sorted((group, minute, row) for row, (minute, group, _) in enumerate(rows) if None not in (minute, group))
    for group, minute, row in placed:
        price = rows[row][2]
        mates = [(other, place) for mate, other, place in placed if mate == group]
        if not price or max(mates)[0] < minute + horizon:
            continue
        known = [rows[place][2] for other, place in mates if other <= minute + horizon and rows[place][2] is not None]
        percent = (float(known[-1] or 0.0) / abs(price) - price / abs(price)) * 100
        found[row] = percent >= change if up else percent <= -change
    return found


def test_the_future_beyond_the_horizon_and_other_groups_change_no_label(
    market: SelectionIndex, make_index: MakeIndex, training_spec: Callable[..., Any]
) -> None:
    spec = training_spec(target=UP, features=["x"], validation={"test_size": 0.5})
    before = labels(plan_train(spec, market))
    prices = market.values("price").copy()
    prices[10:] *= 100  # the last minute of both
    changed = make_index(
        {
            "when": [START + (row // 2) * MINUTE for row in range(12)],
            "share": ["b", "a"] * 6,
            "price": prices,
            "x": [float(number) for number in range(12)],
        },
        time_column="when",
        group_column="share",
    )
    after = labels(plan_train(spec, changed))
    assert {row: after[row] for row in before if row < 6} == {row: before[row] for row in before if row < 6}


@pytest.mark.parametrize(
    ("column", "operator", "value", "positive"),
    [
        ("n", ">", 1, [2, 3]),
        ("n", ">=", 1, [1, 2, 3]),
        ("n", "<", 1.5, [0, 1]),
        ("n", "<=", 0, [0]),
        ("n", "=", 2.0, [2]),
        ("i", ">", 0.5, [1, 3]),
        ("i", "=", 0, [0, 2]),
        ("c", "=", "ja", [0, 3]),
        ("b", "=", True, [1, 2]),
        ("b", "=", False, [0, 3]),
    ],
)
def test_a_rule_makes_two_classes_and_drops_rows_without_a_value(
    make_index: MakeIndex,
    testing_spec: Callable[..., Any],
    column: str,
    operator: str,
    value: Any,
    positive: Sequence[int],
) -> None:
    index = make_index(
        {
            "n": [0.0, 1.0, 2.0, 3.0, None],
            "i": [0, 5, 0, 7, 9][:5],
            "c": ["ja", "nein", "x", "ja", None],
            "b": [False, True, True, False, None],
        }
    )
    schema = ModelSchema.from_json(
        {
            "task": "binary",
            "target": {"column": column, "operator": operator, "value": value},
            "classes": [False, True],
            "grouped": False,
            "features": [],
        },
        model_id=7,
    )
    found = labels(plan_test(testing_spec(), index, [schema]))
    assert len(found) == (5 if column == "i" else 4)
    assert [row for row, holds in found.items() if holds and row < 4] == list(positive)


@pytest.mark.parametrize(
    ("target", "pointer", "word"),
    [
        ({"column": "ghost", "operator": ">", "value": 1}, "/target/column", "no column"),
        ({"column": "note", "operator": "=", "value": "a"}, "/target/column", "text"),
        ({"column": "c", "operator": "=", "value": "maybe"}, "/target/value", "does not occur"),
        ({"column": "c", "operator": "=", "value": 1}, "/target/value", "categories"),
        ({"column": "c", "operator": ">", "value": 1}, "/target/value", "categories"),
        ({"column": "b", "operator": ">", "value": 1}, "/target/value", "boolean"),
        ({"column": "b", "operator": "=", "value": 1}, "/target/value", "boolean"),
        ({"column": "n", "operator": "=", "value": "1"}, "/target/value", "numbers"),
        ({"column": "n", "operator": "=", "value": True}, "/target/value", "numbers"),
        ({"column": "n", "operator": ">", "value": 100}, "/target", "the rule holds one class only, false"),
        ({"column": "n", "operator": ">", "value": -100}, "/target", "the rule holds one class only, true"),
        ({**UP, "column": "c"}, "/target/column", "needs numbers"),
        ({**UP, "column": "n"}, "/target/horizon", "no time column"),
    ],
)
def test_a_target_that_the_data_cannot_give_is_refused_by_name(
    make_index: MakeIndex,
    training_spec: Callable[..., Any],
    reasons: Callable[..., dict[str, str]],
    target: dict[str, Any],
    pointer: str,
    word: str,
) -> None:
    index = make_index(
        {
            "x": [float(number) for number in range(8)],
            "n": [float(number % 4) for number in range(8)],
            "c": ["ja", "nein"] * 4,
            "b": [True, False] * 4,
            "note": ColumnKind.TEXT,
        }
    )
    found = reasons(plan_train, training_spec(target=target, features=["x"]), index)
    assert list(found) == [pointer]
    assert word in found[pointer]


def test_a_horizon_longer_than_the_data_is_refused(
    market: SelectionIndex, training_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    found = reasons(plan_train, training_spec(target={**UP, "horizon": "1d"}, features=["x"]), market)
    assert "horizon is covered" in found["/target/column"]
    still = reasons(plan_train, training_spec(target={**UP, "min_percent_change": 900}, features=["x"]), market)
    assert "the horizon holds one class only, false" in still["/target"]


def test_many_groups_far_apart_in_time_are_searched_one_by_one(
    make_index: MakeIndex, training_spec: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = training_spec(target=UP, features=["x"])
    rows = {
        "when": [START + (row // 5) * MINUTE for row in range(100)],
        "who": [f"g{row % 5}" for row in range(100)],
        "price": [float(1 + (row * 7) % 11) for row in range(100)],
        "x": [float(row) for row in range(100)],
    }
    index = make_index(rows, time_column="when", group_column="who")
    together = labels(plan_train(spec, index))
    monkeypatch.setattr("ml_training.inference.history.MAX_KEY", 1)
    assert labels(plan_train(spec, index)) == together


def test_a_horizon_may_learn_from_the_column_that_it_predicts_a_rule_may_not(
    market: SelectionIndex, training_spec: Callable[..., Any], reasons: Callable[..., dict[str, str]]
) -> None:
    spec = training_spec(target=UP, features=["price"], validation={"test_size": 0.5})
    assert plan_train(spec, market).features == (FeatureSchema("price", market.kind("price")),)
    rule = training_spec(target={"column": "price", "operator": ">", "value": 6}, features=["price"])
    assert "is the target" in reasons(plan_train, rule, market)["/features/0"]
