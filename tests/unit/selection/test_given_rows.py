"""Rows that a spec gives: typed by the model, and the same columns as a data set would have."""

from pathlib import Path
from typing import Any

import pytest

from ml_training.domain.near_misses import MOST_SEARCHES
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.problems import Problems
from ml_training.domain.states import TaskKind
from ml_training.domain.targets import ColumnTarget
from ml_training.selection.given_rows import check_given, given_columns, index_given
from ml_training.selection.index import ColumnKind
from ml_training.selection.schema import FeatureSchema, ModelSchema, Window

PLAIN = (
    FeatureSchema("age", ColumnKind.INTEGER),
    FeatureSchema("plan", ColumnKind.CATEGORY, ("a", "b")),
    FeatureSchema("vip", ColumnKind.BOOLEAN),
)


def model(*more: FeatureSchema, **fields: Any) -> ModelSchema:
    return ModelSchema(7, TaskKind.BINARY, ColumnTarget(column="y"), ("n", "y"), (*PLAIN, *more), **fields)


def spec(rows: list[dict[str, Any]], **fields: Any) -> PredictSpec:
    return PredictSpec(job_type="PREDICT", model_id=7, rows=rows, **fields)


def found(rows: list[dict[str, Any]], schema: ModelSchema | None = None, **fields: Any) -> list[str]:
    problems = Problems()
    check_given(spec(rows, **fields), schema or model(), problems)
    return problems.pointers


def test_a_key_that_is_left_out_is_a_missing_value(tmp_path: Path) -> None:
    wanted = spec([{}, {"plan": "new"}, {"age": 3, "vip": True, "plan": None}])
    index = index_given(tmp_path, wanted, model())
    assert index.rows == 3
    assert {name: index.nulls(name) for name in index.names} == {"age": 2, "plan": 2, "vip": 2}
    assert index.categories("plan") == ("new",)


def test_a_column_that_is_kept_keeps_its_type(tmp_path: Path) -> None:
    rows = [{"id": 2**62, "name": "x", "ok": True, "share": 0.5}, {"id": 1, "name": None, "share": 1}]
    wanted = spec(rows, keep=["id", "name", "ok", "share"])
    assert given_columns(wanted, model()) == ("age", "plan", "vip", "id", "name", "ok", "share")
    index = index_given(tmp_path, wanted, model())
    kinds = [index.kind(name) for name in ("id", "name", "ok", "share")]
    assert kinds == [ColumnKind.INTEGER, ColumnKind.CATEGORY, ColumnKind.BOOLEAN, ColumnKind.NUMBER]
    assert index.values("id").tolist() == [2**62, 1]


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ({"age": "31"}, "/rows/0/age"),
        ({"age": True}, "/rows/0/age"),
        ({"plan": 1}, "/rows/0/plan"),
        ({"plan": False}, "/rows/0/plan"),
        ({"vip": 1}, "/rows/0/vip"),
        ({"vip": "true"}, "/rows/0/vip"),
        ({"a/b": 1}, "/rows/0/a~1b"),
    ],
)
def test_what_does_not_fit_is_named(row: dict[str, Any], pointer: str) -> None:
    assert found([row]) == [pointer]


def test_a_kept_column_holds_one_type_and_loses_no_digit() -> None:
    assert found([{"id": "a"}, {"id": 1}, {"id": None}, {"id": True}], keep=["id"]) == ["/rows/1/id", "/rows/3/id"]
    assert found([{"id": 2**53 + 1}, {"id": None}], keep=["id"]) == ["/rows/0/id"]
    assert found([{"id": 2**53 + 1}, {"id": 0.5}], keep=["id"]) == ["/rows/0/id"]
    assert found([{"id": 2**53 + 1}, {"id": 5}], keep=["id"]) == []


WINDOW = FeatureSchema("age_rolling_mean_3", ColumnKind.NUMBER, window=Window("age", 3, "mean"))


def test_windows_need_the_time_and_the_group_of_every_row() -> None:
    windowed = model(WINDOW, grouped=True, time_column="when", group_column="shop")
    good = {"age": 1, "when": "2026-01-01T00:00:00Z", "shop": "north"}
    assert found([good], windowed) == []
    assert found([good, {**good, "when": None}], windowed) == ["/rows/1/when"]
    assert found([good, {**good, "when": 17}], windowed) == ["/rows/1/when"]
    assert found([good, {**good, "when": "2026-01-01T00:00:00"}], windowed) == ["/rows/1/when"]
    assert found([good, {**good, "shop": 5}], windowed) == ["/rows/1/shop"]
    assert found([{"age": 1}], windowed) == ["/rows/0", "/rows/0"]
    assert found([{"age": 1}], model(WINDOW)) == ["/rows"], "a model of a version that did not store the names"


def test_the_nearest_name_is_searched_in_the_first_problems_only() -> None:
    problems = Problems()
    assert problems.did_you_mean("PLANN", ["age", "plan"]) == ": did you mean 'plan'?"
    assert problems.did_you_mean("something else", ["age", "plan"]) == ""
    for number in range(MOST_SEARCHES):
        problems.add(f"/rows/{number}", "is wrong")
    assert problems.did_you_mean("plann", ["plan"]) == ""
