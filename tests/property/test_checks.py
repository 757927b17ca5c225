"""The checks of the property test can fail: each one finds what it is there for."""

import json
import random
from typing import Any

import pytest

from tests.property.checks import (
    leads_somewhere,
    selected_rows,
    wrong_with_answer,
    wrong_with_comparison,
    wrong_with_model,
    wrong_with_numbers,
    wrong_with_test,
)
from tests.property.malformed_bodies import hostile
from tests.property.tables import Table
from tests.support.in_process_service import strict

PROBLEM = "application/problem+json"
BODY: dict[str, Any] = {
    "job_type": "TRAIN",
    "target": {"column": "y"},
    "features": ["a", "b"],
    "a/~b": 1,
    "validation": {},
}
TABLE = Table(
    "t",
    {"x": ["1"] * 6, "t": [f"2024-01-0{day}" for day in range(1, 6)] + [""], "p": list("112233")},
    time="t",
    phase="p",
)
SPEC = {
    "train_start": "2024-01-02T00:00:00Z",
    "train_end": "2024-01-05T02:00:00+02:00",
    "phases": [1, 2],
    "validation": {"method": "holdout"},
}


@pytest.mark.parametrize(
    ("pointer", "leads"),
    [
        ("/target/column", True),
        ("/features/1", True),
        ("/a~1~0b", True),
        ("/phases", True),
        ("/target/value", True),
        ("/validation/splits", True),
        ("/feature_engineering/windows", True),
        ("/model_type", True),
        ("", False),
        ("/features/2", False),
        ("/target/colum", False),
        ("/model_id", False),
        ("target", False),
        ("/a/~b", False),
        ("/params/max_depth", False),
        ("/validation/holdout/splits", False),
    ],
)
def test_a_pointer_leads_to_what_was_sent_or_could_have_been(pointer: str, leads: bool) -> None:
    assert leads_somewhere(pointer, BODY) is leads
    assert leads_somewhere("", [BODY])
    many = {f"u{number}": 1 for number in range(2_001)}
    assert leads_somewhere("", many)
    assert not leads_somewhere("/u1", many), "no field of it is wrong by itself"


@pytest.mark.parametrize(
    ("status", "kind", "answer"),
    [
        (500, PROBLEM, {}),
        (404, PROBLEM, {}),
        (400, "application/json", {}),
        (400, PROBLEM, {"detail": ""}),
        (422, PROBLEM, {}),
        (422, PROBLEM, {"errors": []}),
        (422, PROBLEM, {"errors": [{"pointer": "/nothing", "detail": "wrong"}]}),
        (422, PROBLEM, {"errors": [{"pointer": "/target", "detail": ""}]}),
        (202, "application/json", {"x": "x" * (5 << 20)}),
    ],
)
def test_an_answer_that_does_not_help_is_found(status: int, kind: str, answer: dict[str, Any]) -> None:
    good = {"type": "t", "title": "t", "status": status, "detail": "d"}
    assert list(wrong_with_answer(status, kind, json.dumps(good | answer).encode(), BODY))
    right = {"errors": [{"pointer": "/target", "detail": "wrong"}]}
    assert not list(wrong_with_answer(422, PROBLEM, json.dumps(good | {"status": 422} | right).encode(), BODY))


def test_numbers_that_are_none_are_found() -> None:
    assert not list(wrong_with_numbers({"train": {"f1": 0.5, "r2": None}, "splits": [{"f1": 1}]}))
    assert len(list(wrong_with_numbers({"f1": True, "r2": "0.5", "splits": [{"mae": "nan"}]}))) == 3
    with pytest.raises(AssertionError, match="NaN"):
        strict(b'{"f1": NaN}')


def test_rows_are_selected_as_the_product_promises() -> None:
    assert selected_rows(TABLE, SPEC, part="train") == [1, 2, 3]
    assert selected_rows(TABLE, {}, part="train") == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("rows", "right"),
    [
        ({"train": 1, "held_out": 1, "dropped": 1, "not_covered": 0, "purged": 0}, True),
        ({"train": 1, "held_out": 1, "dropped": 0, "not_covered": 0, "purged": 0}, False),
        ({"train": 1, "held_out": 1, "dropped": 0, "not_covered": 1, "purged": 1}, False),
        ({"train": 0, "held_out": 2, "dropped": 1, "not_covered": 0, "purged": 0}, False),
    ],
)
def test_rows_that_do_not_add_up_are_found(rows: dict[str, int], right: bool) -> None:
    matrix = {"counts": [[rows["held_out"], 0], [0, 0]]}
    scores = {"train": {"accuracy": 1.0}, "held_out": {"accuracy": 0.0}}
    model: dict[str, Any] = {"details": {"rows": rows, "confusion_matrix": matrix}, "scores": scores}
    assert (list(wrong_with_model(model, SPEC, TABLE)) == []) is right
    matrix["counts"][1][1] = 1
    assert list(wrong_with_model(model, SPEC, TABLE)), "a row in the matrix that was not held out"


def test_results_that_do_not_add_up_are_found() -> None:
    assert not list(wrong_with_test({"details": {"rows": {"test": 5, "dropped": 1}}, "rows": 5}, {}, TABLE))
    assert list(wrong_with_test({"details": {"rows": {"test": 5, "dropped": 0}}, "rows": 5}, {}, TABLE))
    ranking = [{"model_id": 1, "rank": 1}, {"model_id": 2, "rank": 2}]
    assert not list(wrong_with_comparison({"rows": 6, "ranking": ranking}, {"model_ids": [2, 1]}, TABLE))
    assert list(wrong_with_comparison({"rows": 7, "ranking": ranking}, {"model_ids": [2, 1]}, TABLE))
    assert list(wrong_with_comparison({"rows": 6, "ranking": ranking[::-1]}, {"model_ids": [2, 1]}, TABLE))


def test_equal_seeds_draw_equal_bodies() -> None:
    first, second = ([hostile(rng, BODY) for _ in range(50)] for rng in (random.Random(3), random.Random(3)))
    assert first == second
    assert len({data for data, _ in first}) > 30
