"""Job specs: closed, strict, and refused with every reason at once, each with a pointer into the body."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_training.domain.specs import (
    CompareSpec,
    TestSpec,
    TrainSpec,
    canonical_json,
    fingerprint,
    parse_spec,
    spec_json,
    stored_spec,
)

TRAIN: dict[str, Any] = {
    "job_type": "TRAIN",
    "model_name": "churn",
    "model_type": "lightgbm",
    "dataset_id": 1,
    "target": {"column": "left"},
}
TEST: dict[str, Any] = {"job_type": "TEST", "model_id": 7, "dataset_id": 1}
COMPARE: dict[str, Any] = {"job_type": "COMPARE", "model_ids": [7, 8], "dataset_id": 1, "metric": "f1"}
LIMIT = 86_400


def pointers(body: object) -> list[str]:
    """The pointers of the reasons against a body, sorted."""
    spec, errors = parse_spec(body, max_runtime_seconds=LIMIT)
    assert (spec is None) == bool(errors)
    assert all(error.detail for error in errors)
    return sorted(error.pointer for error in errors)


@pytest.mark.parametrize(("body", "kind"), [(TRAIN, TrainSpec), (TEST, TestSpec), (COMPARE, CompareSpec)])
def test_the_shortest_spec_of_each_type_is_enough(body: dict[str, Any], kind: type) -> None:
    spec, errors = parse_spec(body, max_runtime_seconds=LIMIT)
    assert isinstance(spec, kind)
    assert not errors
    assert spec.max_runtime_seconds == LIMIT
    assert stored_spec(json.loads(json.dumps(spec_json(spec)))) == spec


def test_parameters_get_their_defaults() -> None:
    spec, _ = parse_spec(TRAIN | {"params": {"n_estimators": 7}}, max_runtime_seconds=LIMIT)
    assert isinstance(spec, TrainSpec)
    assert (spec.params["n_estimators"], spec.params["num_leaves"]) == (7, 31)


def test_every_reason_is_given_at_once() -> None:
    body = {
        "job_type": "TRAIN",
        "model_name": "../etc",
        "model_type": "lightgbm",
        "dataset_id": "1",
        "target": {"column": "", "extra": 1},
        "params": {"max_depth": 65, "n_jobs": 4},
        "colour": "red",
    }
    assert pointers(body) == [
        "/colour",
        "/dataset_id",
        "/model_name",
        "/params/max_depth",
        "/params/n_jobs",
        "/target/column",
        "/target/extra",
    ]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"status": "COMPLETED"}, "/status"),
        ({"id": 1}, "/id"),
        ({"attempt": 3}, "/attempt"),
        ({"dataset_id": True}, "/dataset_id"),
        ({"dataset_id": 1.0}, "/dataset_id"),
        ({"dataset_id": 0}, "/dataset_id"),
        ({"dataset_id": 2**63}, "/dataset_id"),
        ({"model_name": ""}, "/model_name"),
        ({"model_name": "a" * 65}, "/model_name"),
        ({"model_name": "a\n"}, "/model_name"),
        ({"model_name": "é"}, "/model_name"),
        ({"model_type": "LIGHTGBM"}, "/model_type"),
        ({"model_type": ["lightgbm"]}, "/model_type"),
        ({"target": "left"}, "/target"),
        ({"target": {"column": "c" * 257}}, "/target/column"),
        ({"features": []}, "/features"),
        ({"features": "all"}, "/features"),
        ({"features": ["a", 1]}, "/features/1"),
        ({"phases": []}, "/phases"),
        ({"phases": [1.5]}, "/phases/0"),
        ({"train_start": 1_700_000_000}, "/train_start"),
        ({"train_start": "2026-01-01T00:00:00"}, "/train_start"),
        ({"train_start": "9999-99-99T00:00:00Z"}, "/train_start"),
        ({"train_start": "1700000000"}, "/train_start"),
        ({"train_start": "0001-01-01T00:00:00+14:00"}, "/train_start"),
        ({"train_end": "9999-12-31T23:59:59-14:00"}, "/train_end"),
        ({"phases": list(range(1_001))}, "/phases"),
        ({"train_start": "2026-02-01T00:00:00Z", "train_end": "2026-01-01T00:00:00Z"}, "/train_end"),
        ({"validation": {"method": "holdout", "test_size": 0.99}}, "/validation/test_size"),
        ({"params": {"n_estimators": 1.5}}, "/params/n_estimators"),
        ({"params": []}, "/params"),
        ({"priority": 0}, "/priority"),
        ({"priority": 11}, "/priority"),
        ({"max_runtime_seconds": LIMIT + 1}, "/max_runtime_seconds"),
        ({"max_runtime_seconds": 0}, "/max_runtime_seconds"),
        ({"random_state": -1}, "/random_state"),
        ({"model_type": "ridge", "early_stopping_rounds": 5}, "/early_stopping_rounds"),
        ({"early_stopping_rounds": 5, "params": {"boosting_type": "dart"}}, "/early_stopping_rounds"),
        ({"model_type": "logistic_regression", "task": "regression"}, "/task"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], pointer: str) -> None:
    found = pointers(TRAIN | change)
    assert pointer in found
    assert {name.split("/")[1:2] == pointer.split("/")[1:2] for name in found} == {True}  # and nothing else is


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (COMPARE | {"model_ids": [7]}, "/model_ids"),
        (COMPARE | {"model_ids": [7, 7]}, "/model_ids"),
        (COMPARE | {"model_ids": list(range(1, 22))}, "/model_ids"),
        (COMPARE | {"metric": "accuracy\n"}, "/metric"),
        (COMPARE | {"model_id": 7}, "/model_id"),
        (TEST | {"target": {"column": "left"}}, "/target"),
        (TEST | {"model_id": None}, "/model_id"),
    ],
)
def test_fields_of_one_type_are_wrong_in_another(body: dict[str, Any], pointer: str) -> None:
    assert pointers(body) == [pointer]


@pytest.mark.parametrize("name", ["model_name", "model_type", "dataset_id", "target"])
def test_a_missing_field_is_named(name: str) -> None:
    assert pointers({key: value for key, value in TRAIN.items() if key != name}) == [f"/{name}"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        [TRAIN],
        "TRAIN",
        7,
        True,
        {},
        TRAIN | {"job_type": "train"},
        TRAIN | {"job_type": "TRAIN "},
        TRAIN | {"job_type": None},
        TRAIN | {"job_type": ["TRAIN"]},
        {"job_type": "INGEST", "dataset_id": 1},
    ],
)
def test_what_is_no_spec_at_all_is_refused_as_a_whole(body: object) -> None:
    assert pointers(body) == (["/job_type"] if isinstance(body, dict) else [""])


def test_an_unknown_job_type_is_told_the_known_ones_and_not_repeated() -> None:
    _, (error,) = parse_spec(TRAIN | {"job_type": "x" * 10_000}, max_runtime_seconds=LIMIT)
    assert error.detail == 'must be one of "TRAIN", "TEST", "COMPARE", "PREDICT", "EXPLAIN", "DRIFT", "TUNE"'


def test_a_key_with_slashes_is_escaped_in_its_pointer() -> None:
    assert pointers(TRAIN | {"a/b~c": 1}) == ["/a~1b~0c"]


@given(st.permutations(list(TRAIN)))
def test_equal_specs_have_equal_fingerprints(order: list[str]) -> None:
    assert fingerprint({key: TRAIN[key] for key in order}) == fingerprint(TRAIN)


def test_a_spec_with_its_defaults_spelled_out_is_the_same_request() -> None:
    short, _ = parse_spec(TRAIN, max_runtime_seconds=LIMIT)
    full, _ = parse_spec(TRAIN | {"priority": 5, "features": "auto", "params": {}}, max_runtime_seconds=LIMIT)
    assert short is not None
    assert full is not None
    assert fingerprint(spec_json(short)) == fingerprint(spec_json(full))


def test_equal_moments_in_two_offsets_are_the_same_request() -> None:
    utc, _ = parse_spec(TRAIN | {"train_start": "2026-01-01T00:00:00Z"}, max_runtime_seconds=LIMIT)
    local, _ = parse_spec(TRAIN | {"train_start": "2026-01-01T01:00:00+01:00"}, max_runtime_seconds=LIMIT)
    assert utc == local


def test_canonical_json_refuses_what_is_not_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": float("nan")})


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.recursive(LEAVES, lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=6))
def test_any_value_in_any_place_is_judged_and_never_crashes(value: object) -> None:
    for name in [*TRAIN, "params", "features", "phases", "validation", "train_start"]:
        body = copy.deepcopy(TRAIN) | {name: value}
        parse_spec(body, max_runtime_seconds=LIMIT)


def test_a_field_that_came_later_changes_no_spec_that_does_not_set_it() -> None:
    body = {"job_type": "TRAIN", "model_name": "m", "model_type": "ridge", "dataset_id": 1, "target": {"column": "y"}}
    before = "bf400918bb21b723927c705631dd84ee27fffa5bdb1f21914f1363c025c019e2"  # of the version without the field
    prints = []
    for more in ({}, {"keep_out_of_fold": False}, {"keep_out_of_fold": True}):
        spec, _ = parse_spec({**body, **more}, max_runtime_seconds=60)
        assert spec is not None
        assert ("keep_out_of_fold" in spec_json(spec)) is more.get("keep_out_of_fold", False)
        assert stored_spec(spec_json(spec)) == spec
        prints.append(fingerprint(spec_json(spec)))
    assert prints[:2] == [before, before]
    assert prints[2] != before


TARGET = {"target": {"column": "y"}}


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"model_type": "ridge"}, "trains lightgbm only"),
        ({"early_stopping_rounds": 5}, "has no early stopping"),
        ({"class_balance": "smote"}, "choose class_balance weights"),
        ({"engine": "spark"}, 'must be "dask"'),
    ],
)
def test_what_a_dask_cluster_cannot_do_is_an_error_of_engine(fields: dict[str, Any], what: str) -> None:
    body = {"job_type": "TRAIN", "model_name": "m", "model_type": "lightgbm", "dataset_id": 1}
    spec, errors = parse_spec({**body, **TARGET, "engine": "dask", **fields}, max_runtime_seconds=60)
    assert spec is None
    assert [error.pointer for error in errors] == ["/engine"]
    assert what in errors[0].detail


def test_all_that_a_dask_cluster_cannot_do_is_in_one_error() -> None:
    body = {"job_type": "TRAIN", "model_name": "m", "model_type": "hist_gradient_boosting", "dataset_id": 1}
    fields = {**TARGET, "engine": "dask", "early_stopping_rounds": 5, "class_balance": "smote"}
    _, errors = parse_spec({**body, **fields}, max_runtime_seconds=60)
    [error] = errors
    assert all(what in error.detail for what in ("lightgbm only", "early stopping", "class_balance weights"))


def test_a_spec_without_an_engine_is_stored_as_before_there_was_one() -> None:
    body = {"job_type": "TRAIN", "model_name": "m", "model_type": "lightgbm", "dataset_id": 1}
    for more in ({}, {"engine": None}, {"engine": "dask"}):
        spec, _ = parse_spec({**body, **TARGET, **more}, max_runtime_seconds=60)
        assert spec is not None
        assert ("engine" in spec_json(spec)) is (more.get("engine") is not None)
        assert stored_spec(spec_json(spec)) == spec
