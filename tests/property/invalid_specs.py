"""Takes a good spec and makes one thing wrong with it; says where the refusal must point."""

import random
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from ml_training.domain.algorithms import EARLY_STOPPING, ModelType
from ml_training.selection.index import ColumnKind
from tests.property.valid_specs import Body, train_job
from tests.property.visible_facts import NUMBERS, KnownData, World

Invalidation = Callable[[random.Random, World, KnownData, Body], str | None]
NOWHERE = "no such column"


def make_invalid(rng: random.Random, world: World, good: Body) -> tuple[Body, str]:
    """A spec with one thing wrong, and the pointer that the refusal must have."""
    while True:
        kinds = INVALIDATIONS["rows given" if "rows" in good else good["job_type"]]
        name, body = rng.choice(list(kinds)), deepcopy(good)
        data = world.data_of(good["dataset_id"]) if "dataset_id" in good else rng.choice(world.data)
        pointer = kinds[name](rng, world, data, body)
        if pointer is not None:
            return body, pointer
        if rng.random() < 0.05:
            good = train_job(rng, world)


def _unknown_target(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    body["target"]["column"] = NOWHERE
    return "/target/column"


def _plain(rng: random.Random, body: Body, column: Mapping[str, Any]) -> str:
    body["target"] = {"column": column["name"]}
    return "/target/column"


def _constant_target(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    same = [column for column in data.named(*NUMBERS, ColumnKind.CATEGORY) if column["distinct"] == 1]
    return _plain(rng, body, rng.choice(same)) if same else None


def _empty_target(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    empty = [column for column in data.columns if column["nulls"] == data.table.rows]
    return _plain(rng, body, rng.choice(empty)) if empty else None


def _unusable_target(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    wrong = data.named(ColumnKind.TEXT, ColumnKind.TIME)
    return _plain(rng, body, rng.choice(wrong)) if wrong else None


def _one_sided_rule(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    column = rng.choice(data.varying(*NUMBERS))
    operator, bound = rng.choice([(">", "max"), ("<", "min"), ("<=", "max"), (">=", "min")])
    body["target"] = {"column": column["name"], "operator": operator, "value": column[bound]}
    body.update({"validation": {"method": "holdout"}, "phases": None, "train_start": None, "train_end": None})
    return "/target"


def _rule_on_text(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    words = data.varying(ColumnKind.CATEGORY)
    if not words:
        return None
    wrong: Body = rng.choice(
        [{"operator": ">", "value": "a"}, {"operator": "=", "value": 1}, {"operator": "=", "value": ""}]
    )
    body["target"] = {"column": rng.choice(words)["name"], **wrong}
    return "/target/value"


def _rule_on_numbers(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    wrong = rng.choice(["5", True, False, ""])
    body["target"] = {"column": rng.choice(data.varying(*NUMBERS))["name"], "operator": "=", "value": wrong}
    return "/target/value"


def _half_a_rule(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    body["target"] = {"column": rng.choice(data.varying(*NUMBERS))["name"], "operator": ">"}
    return "/target/value"


def _horizon(data: KnownData, body: Body, kind: str, horizon: object) -> None:
    column = data.varying(*(NUMBERS if kind == "numbers" else (ColumnKind.CATEGORY, ColumnKind.BOOLEAN)))[0]
    body["target"] = {"column": column["name"], "horizon": horizon, "min_percent_change": 1, "direction": "up"}


def _horizon_without_time(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    _horizon(data, body, "numbers", "5m")
    return None if data.span else "/target/horizon"


def _horizon_too_long(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    _horizon(data, body, "numbers", "36525d")
    return "/target/column" if data.span else None


def _horizon_on_words(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    if not data.varying(ColumnKind.CATEGORY, ColumnKind.BOOLEAN):
        return None
    _horizon(data, body, "words", "5m")
    return "/target/column"


def _horizon_unreadable(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    _horizon(data, body, "numbers", rng.choice(["0m", "5", "5 m", "-5m", "5w", 5, None, "999999999d", "٣m"]))
    return "/target/horizon"


def _bad_feature(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    useless = [column["name"] for column in data.named(ColumnKind.TEXT, ColumnKind.TIME)]
    useless += [column["name"] for column in data.columns if column["nulls"] == data.table.rows]
    good = [name for name in data.usable() if name != body["target"]["column"]][:3]
    wrong = rng.choice([NOWHERE, good[0], *useless])
    body["features"] = [*good, wrong]
    return f"/features/{len(good)}"


def _target_as_feature(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    if "horizon" in body["target"]:
        return None
    body["features"] = [body["target"]["column"]]
    return "/features/0"


def _no_feature_left(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    body["features"] = body["exclude_features"] = data.usable()[:1]
    if body["target"]["column"] == data.usable()[0]:
        body["features"] = body["exclude_features"] = data.usable()[1:2]
    return "/features"


def _unknown_exclusion(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    body["exclude_features"] = [NOWHERE]
    return "/exclude_features/0"


def _part(body: Body) -> str:
    return {"TRAIN": "train_", "PREDICT": "", "EXPLAIN": "", "DRIFT": ""}.get(body["job_type"], "test_")


def _empty_window(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    part = _part(body)
    body.pop(f"{part}end", None)
    body[f"{part}start"] = rng.choice(["2100-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
    return f"/{part}start"


def _window_backwards(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    part = _part(body)
    body[f"{part}start"], body[f"{part}end"] = "2024-02-01T00:00:00Z", "2024-02-01T01:00:00+01:00"
    return f"/{part}end"


def _odd_time(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    wrong = [
        "2024-01-01",
        "2024-01-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "now",
        "",
        0,
        1_700_000_000,
        "1700000000",
        "2024-13-01T00:00:00Z",
        "2024-01-01T25:00:00Z",
        "10000-01-01T00:00:00Z",
        1e300,
        "2024-01-01T00:00:00+99:99",
        True,
        [],
        {},
    ]
    pointer = f"{_part(body)}{rng.choice(['start', 'end'])}"
    body.update({f"{_part(body)}start": None, f"{_part(body)}end": None})
    body[pointer] = rng.choice(wrong)
    return f"/{pointer}"


def _unknown_phase(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    wrong = rng.choice([-1, 2**62, "9 ", "nobody", "é" * 256])
    body["phases"] = [*data.phases[:2], wrong]
    return f"/phases/{len(body['phases']) - 1}" if data.phases else "/phases"


def _time_missing(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    if data.span:
        return None
    if rng.random() < 0.5:
        body["validation"] = {"method": "time_series"}
        return "/validation/method"
    body.pop("exclude_features", None)
    numbers = [column["name"] for column in data.varying(*NUMBERS) if column["name"] != body["target"]["column"]]
    body["features"], body["feature_engineering"] = numbers[:2], {"windows": [5]}
    return "/feature_engineering"


def _bad_validation(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    wrong, pointer = rng.choice(
        [
            ({"method": "cross_validation", "splits": 21}, "/validation/splits"),
            ({"method": "cross_validation", "splits": 1}, "/validation/splits"),
            ({"method": "time_series", "splits": 2, "test_size": 0.2}, "/validation/splits"),
            ({"method": "holdout", "test_size": 1.0}, "/validation/test_size"),
            ({"method": "holdout", "splits": 3}, "/validation/splits"),
            ({"method": "bootstrap"}, "/validation"),
            ({"method": "holdout", "group_column": "x"}, "/validation/group_column"),
            ({"method": "holdout", "purge": "1d"}, "/validation/purge"),
            ({"method": "time_series", "purge": "1w"}, "/validation/purge"),
            ({"method": "time_series", "embargo": "36526d"}, "/validation/embargo"),
            ({"method": "group_holdout", "group_column": ""}, "/validation/group_column"),
            ({"method": "group_k_fold", "group_column": NOWHERE}, "/validation/group_column"),
            ({"method": ["holdout"]}, "/validation"),
        ]
    )
    body["validation"] = wrong
    return pointer


def _bad_windows(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    wrong, pointer = rng.choice([([5, 5], ""), ([1], "/0"), ([501], "/0"), ([], ""), ([2, "3"], "/1"), ([2] * 99, "")])
    body["feature_engineering"] = {"windows": wrong}
    return f"/feature_engineering/windows{pointer}"


def _bad_param(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    name, value = rng.choice(
        [
            ("n_estimators", 0),
            ("n_estimators", 10_001),
            ("n_estimators", "5"),
            ("n_jobs", 4),
            ("max_iter", -1),
            ("learning_rate", 0),
            ("max_depth", 65),
            ("alpha", -1),
            ("C", 0),
            ("hidden_layer_sizes", []),
            ("activation", "softmax"),
            ("random_state", 1),
            ("a/b~c", 1),
            ("", None),
            ("🙂", {}),
        ]
    )
    body.pop("early_stopping_rounds", None)
    body["params"] = {name: value}
    return "/params/" + name.replace("~", "~0").replace("/", "~1")


def _regression_of_words(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    words = data.varying(ColumnKind.CATEGORY)
    if not words or body["model_type"] == ModelType.LOGISTIC_REGRESSION:
        return None
    body["target"], body["task"] = {"column": words[0]["name"]}, "regression"
    body.pop("calibration", None)  # which goes with no regression, whatever the column
    body.pop("class_balance", None)
    return "/task"


def _balanced_regression(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    quantities = [column for column in data.varying(*NUMBERS) if (column["distinct"] or 99) > 50]
    if not quantities:
        return None
    body["target"], body["class_balance"], body["model_type"] = {"column": quantities[0]["name"]}, "weights", "ridge"
    body["params"] = {}
    kept = ("job_type", "model_name", "model_type", "dataset_id", "target", "class_balance", "params")
    for name in set(body).difference(kept):
        del body[name]
    return "/class_balance"


def _no_early_stopping(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    body["early_stopping_rounds"] = 3
    return None if body["model_type"] in set(EARLY_STOPPING) else "/early_stopping_rounds"


def _nothing_there(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    name = rng.choice([name for name in ("dataset_id", "model_id") if name in body])
    body[name] = rng.choice([999_999, 2**53])
    return f"/{name}"


def _bad_field(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    name, value = rng.choice(
        [
            ("priority", 0),
            ("calibration", "platt"),
            ("priority", 11),
            ("priority", 5.0),
            ("max_runtime_seconds", 86_401),
            ("dataset_id", "1"),
            ("max_runtime_seconds", 0),
            ("random state", 1),
            ("a/~b", 1),
            ("dataset_id", 0),
            ("dataset_id", True),
            ("job_type", "INGEST"),
            ("job_type", None),
            ("job_type", ["TRAIN"]),
            ("phases", []),
            ("phases", [1.5]),
        ]
    )
    body[name] = value
    at = "/0" if value == [1.5] else ""
    return "/" + name.replace("~", "~0").replace("/", "~1") + at


def _missing_field(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    required = ["job_type", "model_name", "model_type", "dataset_id", "target", "model_id", "model_ids"]
    required += [] if body["job_type"] == "EXPLAIN" else ["metric"]  # there it has a default
    name = rng.choice([name for name in required if name in body])
    del body[name]
    return f"/{name}"


def _one_rival(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    first = body["model_ids"][0]
    body["model_ids"] = rng.choice([[first], [first, first], [], [first] * 21])
    return "/model_ids"


def _strange_rival(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    first = next(model for model in world.models if model.id == body["model_ids"][0])
    others = [model for model in world.models if model.predicts != first.predicts]
    body["model_ids"] = [first.id, rng.choice(others).id if others else 999_999]
    return "/model_ids/1"


def _strange_metric(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    first = next(model for model in world.models if model.id == body["model_ids"][0])
    body["metric"] = rng.choice(["rmse" if "f1" in first.metrics else "f1", "F1", "", None])
    return "/metric"


def _unknown_kept(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    body["keep"] = [*body["keep"][:2], NOWHERE]
    return f"/keep/{len(body['keep']) - 1}"


def _kept_twice(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    body["keep"] = [data.columns[0]["name"]] * 2
    return "/keep/1"


def _odd_output(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    name, value = rng.choice([("format", "xlsx"), ("interval", 1.9), ("contributions", 1), ("keep", "row")])
    body[name] = value
    return f"/{name}"


def _two_models(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    body["model"] = rng.choice(["no such model", "nobody@nothing", "", "a@B"])
    return "/model"


def _unknown_key(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    body["rows"][-1]["no/such~key"] = 1
    return f"/rows/{len(body['rows']) - 1}/no~1such~0key"


def _no_cell(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    body["rows"][0]["id"] = rng.choice([[], {}, [1]])
    return "/rows/0/id"


def _other_type(rng: random.Random, world: World, data: KnownData, body: Body) -> str | None:
    model = next(model for model in world.models if model.id == body["model_id"])
    if not model.features or model.is_windowed:
        return None
    name, kind, _ = rng.choice(model.features)
    body["rows"][0][name] = 1 if kind in (ColumnKind.CATEGORY, ColumnKind.BOOLEAN) else rng.choice(["1", True])
    return "/rows/0/" + name.replace("~", "~0").replace("/", "~1")


def _rows_of_nothing(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    body["rows"] = rng.choice([[], {}, [{}] * 1_001, None])
    return "/dataset_id" if body["rows"] is None else "/rows"


def _windowed_rows(rng: random.Random, world: World, data: KnownData, body: Body) -> str:
    body["start"] = "2024-02-01T00:00:00Z"
    return "/start"


WINDOWED = {"empty window": _empty_window, "window backwards": _window_backwards, "odd time": _odd_time}
EVERY = {**WINDOWED, "phase": _unknown_phase, "field": _bad_field, "missing": _missing_field, "id": _nothing_there}
INVALIDATIONS: dict[str, dict[str, Invalidation]] = {
    "TRAIN": {
        **EVERY,
        **{
            spoil.__name__: spoil
            for spoil in (
                _unknown_target,
                _constant_target,
                _empty_target,
                _unusable_target,
                _one_sided_rule,
                _rule_on_text,
                _rule_on_numbers,
                _half_a_rule,
                _horizon_without_time,
                _horizon_too_long,
                _horizon_on_words,
                _horizon_unreadable,
                _bad_feature,
                _target_as_feature,
                _no_feature_left,
                _unknown_exclusion,
                _time_missing,
                _bad_validation,
                _bad_windows,
                _bad_param,
                _regression_of_words,
                _balanced_regression,
                _no_early_stopping,
            )
        },
    },
    "TEST": {**EVERY},
    "EXPLAIN": {**EVERY},
    "DRIFT": {**EVERY},
    "PREDICT": {**EVERY, "kept": _unknown_kept, "twice": _kept_twice, "output": _odd_output, "model": _two_models},
    "rows given": {
        "field": _bad_field,
        "missing": _missing_field,
        "output": _odd_output,
        "model": _two_models,
        "key": _unknown_key,
        "cell": _no_cell,
        "type": _other_type,
        "nothing": _rows_of_nothing,
        "window": _windowed_rows,
    },
    "COMPARE": {**EVERY, "one rival": _one_rival, "strange rival": _strange_rival, "metric": _strange_metric},
}
