"""Draws specs that a careful user could write: what they name exists, what they ask is small."""

import random
from typing import Any

from ml_training.domain.algorithms import CLASSIFICATION_ONLY, EARLY_STOPPING, ModelType
from ml_training.selection.index import ColumnKind
from tests.property.visible_facts import FEW, NUMBERS, KnownData, World

Body = dict[str, Any]
KNOWN_FOR = ("target", "species", "stage", "late", "smoker")
HORIZONS = ["30m", "2h", "6h", "1d", "3d", "600s"]


def any_job(rng: random.Random, world: World) -> Body:
    """A TRAIN job, or a job of another type when there are models for it."""
    kind = rng.random()
    if kind < 0.15 and world.models:
        return test_job(rng, world)
    if kind < 0.25 and world.rivals():
        return compare_job(rng, world)
    if kind < 0.3 and world.models:
        return explain_job(rng, world)
    if kind < 0.34 and world.models:
        return drift_job(rng, world)
    if kind < 0.47 and world.models:
        return given_rows_job(rng, world) if rng.random() < 0.35 else predict_job(rng, world)
    return train_job(rng, world)


def train_job(rng: random.Random, world: World) -> Body:
    """A TRAIN job."""
    data = rng.choice(world.data)
    model_type = rng.choice(list(ModelType))
    target, is_quantity = _target(rng, data)
    if is_quantity and model_type in CLASSIFICATION_ONLY:
        model_type = ModelType.RIDGE
    body: Body = {
        "job_type": "TRAIN",
        "model_name": f"m{rng.randrange(30)}",
        "model_type": model_type.value,
        "dataset_id": data.id,
        "target": target,
        "params": params_of(rng, model_type),
    }
    body |= _features(rng, data, target)
    body |= _rows(rng, data, part="train")
    body |= _validation(rng, data)
    if data.span and rng.random() < 0.25:
        body["feature_engineering"] = {"windows": rng.sample([2, 3, 5, 10, 40], rng.randint(1, 2))}
    if not is_quantity and rng.random() < 0.35:
        body["class_balance"] = rng.choice(["none", "weights", "smote"])
    if not is_quantity and rng.random() < 0.12:
        body["calibration"] = rng.choice(["none", "sigmoid", "isotonic"])
    if model_type in EARLY_STOPPING and rng.random() < 0.3 and body["params"].get("boosting_type") != "dart":
        body["early_stopping_rounds"] = rng.randint(1, 3)
    return body | _sometimes(rng)


def test_job(rng: random.Random, world: World) -> Body:
    """A TEST job, mostly on the model's own data."""
    model = rng.choice(world.models)
    data = world.data_of(model.dataset_id) if rng.random() < 0.6 else _like(rng, world, model.dataset_id)
    body = {"job_type": "TEST", "model_id": model.id, "dataset_id": data.id}
    return body | _rows(rng, data, part="test") | _when(rng)


test_job.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever its name


def compare_job(rng: random.Random, world: World) -> Body:
    """A COMPARE job of models that predict the same."""
    group = rng.choice(world.rivals())
    models = rng.sample(group, min(len(group), rng.randint(2, 5)))
    data = world.data_of(models[0].dataset_id)
    body: Body = {
        "job_type": "COMPARE",
        "model_ids": [model.id for model in models],
        "dataset_id": data.id,
        "metric": rng.choice(models[0].metrics),
    }
    return body | _rows(rng, data, part="test") | _when(rng)


def explain_job(rng: random.Random, world: World) -> Body:
    """An EXPLAIN job, mostly on the model's own data."""
    model = rng.choice(world.models)
    data = world.data_of(model.dataset_id) if rng.random() < 0.7 else _like(rng, world, model.dataset_id)
    body: Body = {"job_type": "EXPLAIN", "model_id": model.id, "dataset_id": data.id}
    body["sample_rows"] = rng.choice([1, 2, 30, 200])
    if rng.random() < 0.3:
        body["metric"] = rng.choice(model.metrics)
    return body | _rows(rng, data, part="") | _when(rng)


def drift_job(rng: random.Random, world: World) -> Body:
    """A DRIFT job, mostly on the model's own data."""
    model = rng.choice(world.models)
    data = world.data_of(model.dataset_id) if rng.random() < 0.7 else _like(rng, world, model.dataset_id)
    body: Body = {"job_type": "DRIFT", "model_id": model.id, "dataset_id": data.id}
    body |= {"sample_rows": rng.choice([100, 150, 20_000]), "threshold": rng.choice([0.05, 0.1, 0.25])}
    return body | _rows(rng, data, part="") | _when(rng)


def predict_job(rng: random.Random, world: World) -> Body:
    """A PREDICT job on a data set, mostly the model's own; keeps some of its columns."""
    model = rng.choice(world.models)
    data = world.data_of(model.dataset_id) if rng.random() < 0.7 else _like(rng, world, model.dataset_id)
    names = [column["name"] for column in data.columns]
    body: Body = {"job_type": "PREDICT", "model_id": model.id, "dataset_id": data.id}
    body |= {"keep": rng.sample(names, rng.randint(0, len(names))), "contributions": rng.random() < 0.1}
    body |= {"interval": rng.choice([0.5, 0.8, 0.95])} if rng.random() < 0.1 else {}
    return body | _rows(rng, data, part="") | _output(rng)


def given_rows_job(rng: random.Random, world: World) -> Body:
    """A PREDICT job whose rows are in the spec, with known and unknown categories and missing values."""
    model = rng.choice(world.models)
    rows = [
        {name: _cell(rng, kind, words) for name, kind, words in model.features if rng.random() < 0.8} | {"id": number}
        for number in range(rng.randint(1, 20))
    ]
    return {"job_type": "PREDICT", "model_id": model.id, "rows": rows, "keep": ["id"]} | _output(rng)


def _cell(rng: random.Random, kind: str, words: tuple[str, ...]) -> Any:
    if rng.random() < 0.1:
        return None
    if kind == ColumnKind.BOOLEAN:
        return rng.random() < 0.5
    if kind == ColumnKind.CATEGORY:
        return rng.choice([*words[:20], "never seen", ""])
    return rng.choice([0, -1, 2**62, 0.5, -1e308, 1e308, rng.uniform(-100.0, 100.0)])


def _output(rng: random.Random) -> Body:
    return ({"format": rng.choice(["csv", "parquet"])} if rng.random() < 0.5 else {}) | _when(rng)


def params_of(rng: random.Random, model_type: ModelType) -> Body:
    """Some parameters inside their ranges; always few rounds."""
    few = rng.randint(1, 5)
    always: Body = {"n_estimators": few}
    maybe: Body
    if model_type is ModelType.LIGHTGBM:
        maybe = {
            "learning_rate": rng.choice([1e-6, 0.1, 1.0]),
            "num_leaves": rng.choice([2, 31, 4096]),
            "max_depth": rng.choice([None, 1, 64]),
            "min_child_samples": rng.choice([1, 5, 1_000_000]),
            "subsample": rng.choice([1e-9, 0.5, 1.0]),
            "subsample_freq": rng.choice([0, 1]),
            "colsample_bytree": rng.choice([1e-9, 0.5]),
            "reg_lambda": rng.choice([0.0, 1e6]),
            "max_bin": rng.choice([2, 15, 4096]),
            "boosting_type": rng.choice(["gbdt", "dart"]),
            "extra_trees": True,
            "min_split_gain": rng.choice([0.0, 1.0]),
            "min_child_weight": 0.0,
        }
    elif model_type is ModelType.XGBOOST:
        maybe = {
            "learning_rate": rng.choice([1e-6, 0.1, 1.0]),
            "max_depth": rng.choice([None, 1, 64]),
            "max_leaves": rng.choice([0, 1, 31, 4096]),
            "grow_policy": rng.choice(["depthwise", "lossguide"]),
            "min_child_weight": rng.choice([0.0, 1e6]),
            "gamma": rng.choice([0.0, 1e6]),
            "subsample": rng.choice([1e-9, 0.5]),
            "colsample_bytree": rng.choice([1e-9, 0.5]),
            "colsample_bylevel": rng.choice([1e-9, 0.5]),
            "colsample_bynode": rng.choice([1e-9, 0.5]),
            "reg_alpha": rng.choice([0.0, 1e6]),
            "reg_lambda": rng.choice([0.0, 1e6]),
            "max_bin": rng.choice([2, 15, 4096]),
        }
    elif model_type in (ModelType.RANDOM_FOREST, ModelType.EXTRA_TREES):
        maybe = {
            "max_depth": rng.choice([None, 1, 64]),
            "min_samples_split": rng.choice([2, 1_000_000]),
            "min_samples_leaf": rng.choice([1, 30]),
            "max_features": rng.choice(["sqrt", "log2", 1e-9, 1.0, None]),
            "max_leaf_nodes": rng.choice([None, 2, 50]),
            "min_impurity_decrease": rng.choice([0.0, 0.1]),
            "bootstrap": rng.choice([True, False, None]),
        }
    elif model_type is ModelType.HIST_GRADIENT_BOOSTING:
        maybe = {
            "learning_rate": rng.choice([1e-6, 0.1, 1.0]),
            "max_leaf_nodes": rng.choice([2, 31, 4096]),
            "max_depth": rng.choice([None, 1, 64]),
            "min_samples_leaf": rng.choice([1, 20, 1_000_000]),
            "l2_regularization": rng.choice([0.0, 1e6]),
            "max_bins": rng.choice([2, 10, 255]),
            "max_features": rng.choice([1e-9, 0.5, 1.0]),
        }
    elif model_type is ModelType.LOGISTIC_REGRESSION:
        always = {"max_iter": rng.choice([1, 10, 50])}
        maybe = {
            "C": rng.choice([1e-6, 1.0, 1e6]),
            "l1_ratio": rng.choice([0.0, 0.5, 1.0]),
            "fit_intercept": rng.choice([True, False]),
        }
    elif model_type is ModelType.RIDGE:
        always = {}
        maybe = {"alpha": rng.choice([1e-9, 1.0, 1e9]), "fit_intercept": rng.choice([True, False])}
    else:
        always = {"max_iter": few, "hidden_layer_sizes": rng.choice([[1], [4], [8, 3], [2] * 8])}
        maybe = {
            "activation": rng.choice(["relu", "tanh", "logistic"]),
            "alpha": rng.choice([0.0, 1e-4, 1e6]),
            "batch_size": rng.choice([16, 200, 65_536]),
            "learning_rate_init": rng.choice([1e-3, 1.0]),
        }
    return always | {name: value for name, value in maybe.items() if rng.random() < 0.4}


def _target(rng: random.Random, data: KnownData) -> tuple[Body, bool]:
    """A target, and whether it is a quantity."""
    kind = rng.random()
    numbers = data.varying(*NUMBERS)
    if kind < 0.2:
        column = rng.choice(numbers)
        value = rng.choice([column["min"], column["max"], rng.uniform(column["min"] / 2, column["max"] / 2)])
        return {"column": column["name"], "operator": rng.choice([">", "<", ">=", "<=", "="]), "value": value}, False
    if kind < 0.3:
        column = rng.choice(data.varying(ColumnKind.CATEGORY, ColumnKind.BOOLEAN) or numbers)
        return {"column": column["name"], "operator": "=", "value": rng.choice([column["min"], column["max"]])}, False
    if kind < 0.5 and data.span:
        move = {"min_percent_change": rng.choice([0.001, 0.5, 2, 1e9]), "direction": rng.choice(["up", "down"])}
        walks = [column for column in numbers if column["name"] in ("price", "glucose", "dep_delay", "distance")]
        column = rng.choice(walks or numbers)
        return {"column": column["name"], "horizon": rng.choice(HORIZONS), **move}, False
    column = rng.choice(data.varying(*NUMBERS, ColumnKind.BOOLEAN, ColumnKind.CATEGORY))
    if rng.random() < 0.5:  # what these data sets are known for
        column = rng.choice([known for known in data.columns if known["name"] in KNOWN_FOR])
    is_class = column["kind"] in (ColumnKind.BOOLEAN, ColumnKind.CATEGORY)
    return {"column": column["name"]}, not is_class and (column["distinct"] or FEW + 1) > FEW


def _features(rng: random.Random, data: KnownData, target: Body) -> Body:
    names = [name for name in data.usable() if name != target["column"]]
    kind = rng.random()
    if kind < 0.7:
        return {"features": rng.sample(names, min(len(names), rng.randint(1, 8)))}
    if kind < 0.85:
        return {"exclude_features": rng.sample(names, min(len(names), rng.randint(1, 4)))}
    return {"features": "auto"} if kind < 0.95 else {}


def _rows(rng: random.Random, data: KnownData, *, part: str) -> Body:
    body: Body = {}
    if data.phases and rng.random() < 0.3:
        body["phases"] = rng.sample(data.phases, rng.randint(1, len(data.phases)))
    if data.span and rng.random() < 0.35:
        body[f"{part}_start".lstrip("_")] = data.moment(rng, 0.0, 0.6)
    if data.span and rng.random() < 0.35:
        body[f"{part}_end".lstrip("_")] = data.moment(rng, 0.62, 1.0)
    return body


def _validation(rng: random.Random, data: KnownData) -> Body:
    kind = rng.random()
    if kind < 0.3:
        return {}
    if kind < 0.5:
        return {"validation": {"method": "holdout", "test_size": rng.choice([0.01, 0.2, 0.5, 0.9])}}
    if kind < 0.75 and data.span:
        how: Body = rng.choice([{}, {"test_size": rng.choice([0.05, 0.3, 0.9])}, {"splits": rng.randint(2, 4)}])
        gaps = {name: rng.choice(["30m", "2h", "1d"]) for name in ("purge", "embargo") if rng.random() < 0.2}
        return {"validation": {"method": "time_series", **how, **gaps}}
    if kind < 0.85 and data.table.group is not None:
        how = rng.choice([{"method": "group_holdout", "test_size": 0.3}, {"method": "group_k_fold", "splits": 2}])
        return {"validation": how}
    return {"validation": {"method": "cross_validation", "splits": rng.randint(2, 4)}}


def _sometimes(rng: random.Random) -> Body:
    maybe: Body = {"random_state": rng.choice([0, 7, 2**31 - 1]), "phases": None, "train_start": None, "task": None}
    return {name: value for name, value in maybe.items() if rng.random() < 0.05} | _when(rng)


def _when(rng: random.Random) -> Body:
    maybe: Body = {"priority": rng.randint(1, 10), "max_runtime_seconds": rng.randint(600, 86_400)}
    return {name: value for name, value in maybe.items() if rng.random() < 0.2}


def _like(rng: random.Random, world: World, dataset_id: int) -> KnownData:
    """Another data set, by preference one of the same family."""
    family = world.data_of(dataset_id).table.name.split("-")[0]
    kin = [data for data in world.data if data.table.name.startswith(family)]
    return rng.choice(kin if rng.random() < 0.7 else list(world.data))
