"""Warnings about the data of a TRAIN job: what they find, and above all what they leave alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_training.domain.errors import Invalid
from ml_training.domain.specs import TrainSpec, fingerprint, parse_spec, spec_json
from ml_training.domain.warnings import JobWarning, WarningCode
from ml_training.selection.data_warnings import data_warnings, without_ids
from ml_training.selection.features import usable_columns
from ml_training.selection.id_columns import has_id_name, id_columns
from ml_training.selection.index import ColumnKind, IndexColumn, SelectionIndex
from ml_training.selection.index_writer import write_index
from ml_training.selection.plan import TrainPlan, plan_train
from ml_training.selection.sample import sample_positions
from tests.support.training_data import boolean, category, integer, number

ROWS = 400
RANDOM = np.random.default_rng(5)
Table = Callable[..., SelectionIndex]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Makes a data set of these columns; `group`: its group column."""

    def make(*columns: IndexColumn, group: str | None = None, time: str | None = None) -> SelectionIndex:
        directory = tmp_path / "index"
        directory.mkdir()
        write_index(directory, columns, rows=len(columns[0].values), group_column=group, time_column=time)  # type: ignore[arg-type]
        return SelectionIndex.open(directory)

    return make


def a_spec(**fields: Any) -> TrainSpec:
    """A TRAIN job on the column y."""
    body = {"job_type": "TRAIN", "model_name": "m", "model_type": "ridge", "dataset_id": 1, "target": {"column": "y"}}
    spec, errors = parse_spec({**body, **fields}, max_runtime_seconds=60)
    assert isinstance(spec, TrainSpec), errors
    return spec


def advised(index: SelectionIndex, **fields: Any) -> tuple[TrainPlan, list[JobWarning]]:
    """The plan of a job, and its warnings."""
    spec = a_spec(**fields)
    ids = id_columns(index)
    wanted = usable_columns(spec, index)
    usable = [name for name in index.names if name in wanted]
    plan = plan_train(without_ids(spec, ids, usable=usable), index)
    return plan, list(data_warnings(spec, plan, ids, usable=usable))


def names(plan: TrainPlan) -> list[str]:
    return [feature.name for feature in plan.features]


def codes(found: list[JobWarning]) -> list[str]:
    return [warning.code.value for warning in found]


def noise(name: str, *, rows: int = ROWS) -> IndexColumn:
    return number(name, RANDOM.normal(size=rows))


def coin(name: str = "y", *, rows: int = ROWS) -> IndexColumn:
    return boolean(name, RANDOM.integers(0, 2, rows))


ROW_NUMBERS = np.arange(ROWS) + 1
IDS = {
    "the numbers of the rows": integer("rownames", ROW_NUMBERS),
    "from 0, and under any name": integer("something", ROW_NUMBERS - 1),
    "in another order": integer("x", RANDOM.permutation(ROW_NUMBERS)),
    "distinct numbers with gaps, named so": integer("EmployeeNumber", RANDOM.choice(10**6, ROWS, replace=False)),
    "nearly distinct ones": integer("customer_id", np.concatenate([ROW_NUMBERS[:380] * 7, ROW_NUMBERS[:20] * 7])),
    "whole numbers with missing ones": number("user id", np.where(ROW_NUMBERS % 9 == 0, np.nan, ROW_NUMBERS * 3.0)),
    "another text in each row": category("who", [f"person {n}" for n in range(ROWS)]),
    "nearly distinct texts, named so": category("order_no", [f"n{n % 390}" for n in range(ROWS)]),
}
NO_IDS = {
    "distinct measurements": noise("id_of_nothing_at_all_measured"),
    "distinct fractions, even named so": number("id", RANDOM.normal(size=ROWS)),
    "years": integer("year", 1600 + ROW_NUMBERS),
    "distinct whole numbers without such a name": integer("salary", RANDOM.choice(10**6, ROWS, replace=False)),
    "few values, named so": integer("store_id", RANDOM.integers(0, 9, ROWS)),
    "numbers with a repeat": integer("x", np.concatenate([ROW_NUMBERS[:-1], [1]])),
    "a price index": integer("price_index", RANDOM.choice(10**6, ROWS, replace=False)),
    "texts that repeat": category("city", [f"c{n % 40}" for n in range(ROWS)]),
    "hockey": integer("hockey", RANDOM.choice(10**6, ROWS, replace=False)),
}


@pytest.mark.parametrize("column", IDS.values(), ids=IDS)
def test_an_id_is_left_out_of_auto_and_told_and_used_when_it_is_listed(table: Table, column: IndexColumn) -> None:
    index = table(noise("a"), column, coin())
    plan, found = advised(index)
    assert names(plan) == ["a"]
    assert [(warning.code, warning.pointer) for warning in found] == [(WarningCode.ID_FEATURE, "/features")]
    assert repr(column.name) in found[0].detail
    plan, found = advised(index, features=["a", column.name])
    assert names(plan) == ["a", column.name]
    assert [(warning.code, warning.pointer) for warning in found] == [(WarningCode.ID_FEATURE, "/features/1")]
    assert advised(index, exclude_features=[column.name])[1] == []


@pytest.mark.parametrize("column", NO_IDS.values(), ids=NO_IDS)
def test_a_column_that_only_resembles_an_id_is_a_feature(table: Table, column: IndexColumn) -> None:
    plan, found = advised(table(noise("a"), column, coin()))
    assert names(plan) == ["a", column.name]
    assert found == []


def test_of_a_few_rows_no_column_is_an_id(table: Table) -> None:
    plan, _ = advised(table(integer("id", np.arange(10)), coin(rows=10)))
    assert names(plan) == ["id"]


def test_the_only_features_are_used_although_they_look_like_ids(table: Table) -> None:
    plan, found = advised(table(integer("id", ROW_NUMBERS), coin()))
    assert names(plan) == ["id"]
    assert codes(found) == ["id_feature"]
    assert not found[0].is_settled


def test_words_of_a_name() -> None:
    assert all(
        has_id_name(name) for name in ("id", "ID", "customerId", "Customer ID", "PassengerId", "index", "row_nr")
    )
    assert not any(has_id_name(name) for name in ("valid", "paid", "humid", "price_index", "idle", "monkey", "2", ""))


def test_a_constant_column_is_told_whether_it_is_left_out_or_listed(table: Table) -> None:
    index = table(noise("a"), number("c", np.ones(ROWS)), coin())
    assert [(w.code, w.pointer) for w in advised(index)[1]] == [(WarningCode.CONSTANT_FEATURE, "/features")]
    listed = advised(index, features=["c", "a"])[1]
    assert [(w.code, w.pointer) for w in listed] == [(WarningCode.CONSTANT_FEATURE, "/features/0")]
    assert advised(index, exclude_features=["c"])[1] == []


GRADE = RANDOM.integers(0, 35, ROWS)
FLAG = RANDOM.integers(0, 2, ROWS)
LEAKS = {
    "classes from a text": (boolean("y", FLAG), category("x", np.array(["left", "here"])[FLAG])),
    "classes from a number": (boolean("y", FLAG), number("x", FLAG + RANDOM.normal(scale=0.05, size=ROWS))),
    "a quantity from a text": (number("y", GRADE * 0.7), category("x", [f"g{grade}" for grade in GRADE])),
    "a quantity in another unit": (number("y", np.linspace(-3, 9, ROWS)), number("x", np.linspace(-3, 9, ROWS) * 1.8)),
    "with missing values": (number("y", GRADE * 0.7), number("x", np.where(ROW_NUMBERS == 5, np.nan, GRADE * 2.0))),
}


@pytest.mark.parametrize(("y", "x"), LEAKS.values(), ids=LEAKS)
def test_a_feature_that_determines_the_target_is_told(table: Table, y: IndexColumn, x: IndexColumn) -> None:
    task = "regression" if y.kind is ColumnKind.NUMBER else "classification"
    _, found = advised(table(noise("a"), x, y), task=task)
    assert [(w.code, w.pointer) for w in found] == [(WarningCode.LEAK_FEATURE, "/features")]
    assert "'x'" in found[0].detail


def test_a_good_feature_is_no_leak(table: Table) -> None:
    x = RANDOM.normal(size=ROWS)
    good = number("y", x + RANDOM.normal(scale=0.2, size=ROWS))
    assert advised(table(number("x", x), noise("a"), good), task="regression")[1] == []


def test_noise_is_no_leak_of_a_rare_class(table: Table) -> None:
    _, found = advised(table(noise("x"), noise("a"), boolean("y", np.arange(ROWS) < 3)))
    assert codes(found) == ["rare_class"]


@pytest.mark.parametrize(("positives", "told"), [(3, True), (19, True), (21, False), (200, False)])
def test_a_class_below_one_in_twenty_is_rare(table: Table, positives: int, told: bool) -> None:
    y = RANDOM.permutation(np.arange(ROWS) < positives)
    _, found = advised(table(noise("x"), boolean("y", y)))
    assert codes(found) == ["rare_class"] * told
    if told:
        assert f"true in {positives}" in found[0].detail
        assert f"accuracy of {1 - positives / ROWS:.4f}" in found[0].detail


def test_equal_classes_are_not_rare_however_many(table: Table) -> None:
    assert advised(table(noise("x"), category("y", [f"class {n % 50}" for n in range(ROWS)])))[1] == []


def test_repeated_rows_are_told_where_rows_can_be_told_apart(table: Table) -> None:
    x, flags = RANDOM.normal(size=ROWS), RANDOM.integers(0, 2, ROWS)
    half = np.concatenate([np.arange(ROWS - 20), np.arange(20)])
    index = table(number("x", x[half]), integer("n", flags[half]), boolean("y", flags[::-1][half]))
    [found] = advised(index)[1]
    assert (found.code, found.pointer) == (WarningCode.DUPLICATE_ROWS, "/dataset_id")
    assert found.detail.startswith("20 of the 400 rows repeat")


def test_equal_rows_of_a_table_of_few_categories_are_nothing_special(table: Table) -> None:
    columns = [integer(name, RANDOM.integers(0, 3, ROWS)) for name in "abc"]
    assert advised(table(*columns, coin()))[1] == []


def test_a_group_on_both_sides_is_told_unless_the_split_is_in_time(table: Table) -> None:
    group = category("customer", [f"c{n % 40}" for n in range(ROWS)])
    times = IndexColumn("t", ColumnKind.TIME, np.arange(ROWS, dtype=np.int64) * 1_000_000)
    index = table(noise("x"), group, times, coin(), group="customer", time="t")
    for validation in ({"method": "holdout"}, {"method": "cross_validation"}):
        assert [(w.code, w.pointer) for w in advised(index, validation=validation)[1]] == [
            (WarningCode.GROUP_ON_BOTH_SIDES, "/validation")
        ]
    told = advised(index)[1][0].detail
    assert "group_holdout or group_k_fold" in told, "the warning says what to do"
    for method in ("time_series", "group_holdout", "group_k_fold"):
        assert advised(index, validation={"method": method})[1] == []


def test_groups_of_another_column_may_tear_those_of_the_data_set_apart(table: Table) -> None:
    group = category("customer", [f"c{n % 40}" for n in range(ROWS)])
    town, day = (
        category(name, [f"{n % 40 % 8}" if name == "town" else f"{n % 7}" for n in range(ROWS)])
        for name in ("town", "day")
    )
    index = table(noise("x"), group, town, day, coin(), group="customer")
    within, across = (
        advised(index, validation={"method": "group_holdout", "group_column": name}, features=["x"])[1]
        for name in ("town", "day")
    )
    assert within == [], "all rows of a customer are of one town"
    assert [(w.code, "leave group_column out" in w.detail) for w in across] == [(WarningCode.GROUP_ON_BOTH_SIDES, True)]


def test_refuse_makes_every_open_warning_an_error_at_once(table: Table) -> None:
    leak = category("x", np.array(["left", "here"])[FLAG])
    index = table(leak, integer("id", ROW_NUMBERS), number("c", np.ones(ROWS)), noise("a"), boolean("y", FLAG))
    with pytest.raises(Invalid) as refused:
        advised(index, leakage="refuse", features=["x", "id", "c", "a"])
    assert {error.pointer for error in refused.value.errors} == {"/features/0", "/features/1", "/features/2"}
    plan, found = advised(index, leakage="refuse", exclude_features=["x"])
    assert names(plan) == ["a"]
    assert codes(found) == ["id_feature", "constant_feature"], "what is left out already is no reason to refuse"


def test_a_spec_without_leakage_is_stored_as_before() -> None:
    spec = a_spec()
    assert "leakage" not in spec_json(spec)
    assert spec_json(a_spec(leakage="refuse"))["leakage"] == "refuse"
    assert fingerprint(spec_json(spec)) == fingerprint(spec_json(a_spec(leakage=None)))


def test_a_sample_is_bounded_sorted_and_always_the_same() -> None:
    assert sample_positions(10, at_most=10).tolist() == list(range(10))
    found = sample_positions(10**9, at_most=5_000)
    assert 4_000 < len(found) <= 5_000
    assert (np.diff(found) > 0).all()
    assert found[-1] == 10**9 - 1
    assert (found == sample_positions(10**9, at_most=5_000)).all()


def test_warnings_of_a_large_data_set_look_at_a_bounded_part(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 300_000
    index = table(noise("a", rows=rows), noise("b", rows=rows), coin(rows=rows))
    looked: list[int] = []
    original = np.unique

    def counted(values: Any, *arguments: Any, **more: Any) -> Any:
        looked.append(np.size(values))
        return original(values, *arguments, **more)

    spec = a_spec()
    plan = plan_train(spec, index)
    monkeypatch.setattr(np, "unique", counted)
    assert data_warnings(spec, plan, {}, usable=["a", "b"]) == ()
    assert max(looked) <= 10_000
