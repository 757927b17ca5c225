"""Large objects are refused by the name of their field before they are validated; the errors of others are limited."""

from typing import Any

import pytest

from ml_training.domain import specs
from ml_training.domain.errors import BadRequest, FieldError
from ml_training.domain.object_sizes import MOST_FIELDS, MOST_ITEMS, MOST_MEMBERS
from ml_training.domain.specs import parse_spec
from ml_training.domain.strict_json import parse

TRAIN = {
    "job_type": "TRAIN",
    "model_name": "x",
    "model_type": "lightgbm",
    "dataset_id": 1,
    "target": {"column": "y"},
}
PREDICT = {"job_type": "PREDICT", "model_id": 1}


def errors_of(body: object) -> tuple[FieldError, ...]:
    spec, errors = parse_spec(body, max_runtime_seconds=60)
    assert spec is None
    return errors


@pytest.mark.parametrize("field", ["params", "target", "validation", "feature_engineering"])
def test_an_object_with_too_many_members_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    monkeypatch.setattr(specs, "_SUBMITTED", None)  # nothing is validated
    members = {f"p{number}": 1 for number in range(MOST_MEMBERS + 1)}
    assert errors_of(TRAIN | {field: members}) == (FieldError(f"/{field}", "has 65 members: at most 64 are read"),)


def test_every_large_object_and_list_is_named_at_once() -> None:
    large: dict[str, Any] = {"params": dict.fromkeys(map(str, range(70))), "features": [0] * (MOST_ITEMS + 1)}
    assert [error.pointer for error in errors_of(TRAIN | large)] == ["/params", "/features"]
    nested = {"validation": {"method": dict.fromkeys(map(str, range(70)))}}
    assert [error.pointer for error in errors_of(TRAIN | nested)] == ["/validation/method"]
    assert [error.pointer for error in errors_of(dict.fromkeys(map(str, range(MOST_FIELDS + 1))))] == [""]


def test_as_many_members_as_are_read_are_all_named() -> None:
    members = {f"p{number}": 1 for number in range(MOST_MEMBERS)}
    assert len(errors_of(TRAIN | {"params": members})) == MOST_MEMBERS


def test_a_row_may_have_many_columns() -> None:
    spec, errors = parse_spec(
        PREDICT | {"rows": [{f"c{number}": number for number in range(5_000)}]}, max_runtime_seconds=60
    )
    assert (errors, spec is not None) == ((), True)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 930_000,
        b'{"a":[' * 150_000,
        b"[]" * 465_000,
        (b"[" * 20 + b"]" * 20) * 23_000,
        b'"' * 930_000,
        b"{" + b",".join(b'"%d":1' % number for number in range(80_000)) + b"}",
    ],
    ids=["lists", "objects and lists", "pairs", "towers", "quotes", "keys"],
)
def test_a_bomb_is_refused_before_validation(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr(specs, "_SUBMITTED", None)
    with pytest.raises(BadRequest):
        raise BadRequest(errors_of(parse(body, max_depth=20))[0].detail)


def test_of_a_body_with_very_many_errors_the_first_ones_are_put_into_words() -> None:
    rows = [{f"c{number}": [] for number in range(60)}] * 1_000
    assert len(errors_of(PREDICT | {"rows": rows})) == 2_000
