"""Draws TUNE jobs of a few trials, spoils them, and checks what became of them."""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import chain
from typing import Any

from ml_training.domain.algorithms import ModelType
from ml_training.domain.resumable import DECIDING, RESUMABLE
from ml_training.domain.score_names import CLASSIFICATION_METRICS, LOWER_IS_BETTER, REGRESSION_METRICS
from ml_training.selection.index import ColumnKind
from ml_training.training.parameter_sampler import MOST_FOR_IMPORTANCE
from tests.property.valid_specs import Body, train_job
from tests.property.visible_facts import FEW, World

OF_THE_STUDY = ("job_type", "model_name", "priority", "max_runtime_seconds")
ROUNDS = "/params/n_estimators"
UNHALVED = {"n_estimators", *chain(*DECIDING.values())}
ENDED = ("COMPLETED", "FAILED", "CANCELLED")
FEW_ROUNDS = {"low": 1, "high": 4}
# What a user might search for each model type; with steps or choices for a grid.
CONTINUOUS: dict[str, Body] = {
    "lightgbm": {"/params/learning_rate": {"low": 0.01, "high": 1.0, "log": True}},
    "xgboost": {"/params/gamma": {"low": 0.0, "high": 2.0}, "/params/subsample": {"low": 0.5, "high": 1.0}},
    "hist_gradient_boosting": {"/params/l2_regularization": {"low": 0.0, "high": 10.0}},
    "random_forest": {"/params/max_features": {"low": 0.2, "high": 1.0}},
    "extra_trees": {"/params/min_impurity_decrease": {"low": 0.0, "high": 0.1}},
    "logistic_regression": {"/params/C": {"low": 1e-3, "high": 1e3, "log": True}},
    "ridge": {"/params/alpha": {"low": 1e-3, "high": 1e3, "log": True}},
    "mlp": {"/params/learning_rate_init": {"low": 1e-4, "high": 0.1, "log": True}},
}
COUNTED: dict[str, Body] = {
    "lightgbm": {"/params/n_estimators": FEW_ROUNDS, "/params/boosting_type": {"choices": ["gbdt", "dart"]}},
    "xgboost": {"/params/n_estimators": FEW_ROUNDS, "/params/grow_policy": {"choices": ["depthwise", "lossguide"]}},
    "hist_gradient_boosting": {"/params/n_estimators": FEW_ROUNDS, "/params/max_bins": {"choices": [2, 30, 255]}},
    "random_forest": {"/params/n_estimators": FEW_ROUNDS, "/params/max_depth": {"choices": [None, 1, 5]}},
    "extra_trees": {"/params/n_estimators": FEW_ROUNDS, "/params/bootstrap": {"choices": [True, False]}},
    "logistic_regression": {"/params/fit_intercept": {"choices": [True, False]}},
    "ridge": {"/params/alpha": {"low": 0.5, "high": 2.0, "step": 0.5}},
    "mlp": {"/params/hidden_layer_sizes": {"choices": [[2], [4, 3]]}},
}


def tune_job(rng: random.Random, world: World) -> Body:
    """A TUNE job of two to six trials."""
    train = {name: value for name, value in train_job(rng, world).items() if name not in OF_THE_STUDY}
    body: Body = {"job_type": "TUNE", "model_name": f"s{rng.randrange(10)}", "train": train}
    body["sampler"] = rng.choice(["random", "tpe", "grid"])
    body["search"] = _search(rng, train, is_grid=body["sampler"] == "grid")
    body["metric"] = rng.choice(sorted(REGRESSION_METRICS if _is_quantity(world, train) else CLASSIFICATION_METRICS))
    body["generation"] = rng.randint(1, 3)
    if body["sampler"] != "grid":
        body["trials"] = rng.randint(2, 6)
    if rng.random() < 0.3:
        body["stop"] = rng.choice([{"trials_without_improvement": 2}, {"target": 0.5}, {"target": -1e9}])
    if rng.random() < 0.3:
        train["reuse"] = True
    if body["sampler"] == "tpe" and rng.random() < 0.5:
        body["warm_start"] = True
    return _halved(rng, body) if rng.random() < 0.3 else body


def _halved(rng: random.Random, body: Body) -> Body:
    """The study with halving, without what does not go with it; as it is where nothing is left to search."""
    train = body["train"]
    without = {name: value for name, value in body["search"].items() if name.removeprefix("/params/") not in UNHALVED}
    is_known = train["model_type"] in RESUMABLE and "/model_type" not in without
    if not without or not is_known or body["sampler"] == "grid" or "early_stopping_rounds" in train:
        return body
    params = {name: value for name, value in train["params"].items() if name not in UNHALVED}
    more = {"halving": {"rungs": 2, "factor": rng.randint(2, 3)}, "generation": rng.randint(3, 4)}
    changed = {"train": {**train, "params": {**params, "n_estimators": rng.randint(3, 9)}}, "search": without}
    return {name: value for name, value in {**body, **changed, **more}.items() if name != "warm_start"}


def _search(rng: random.Random, train: Body, *, is_grid: bool) -> Body:
    model_type = train["model_type"]
    spaces = dict(COUNTED[model_type]) if is_grid else {**CONTINUOUS[model_type], **COUNTED[model_type]}
    names = rng.sample(sorted(spaces), rng.randint(1, len(spaces)))
    found = {name: deepcopy(spaces[name]) for name in names}
    if "early_stopping_rounds" in train:
        found.pop("/params/boosting_type", None)
    if "class_balance" in train and rng.random() < 0.5:
        found["/class_balance"] = {"choices": ["none", "weights"]}
    if "feature_engineering" in train and rng.random() < 0.5:
        found["/feature_engineering/windows"] = {"choices": [[2], [3, 5]]}
    if not found:
        found["/params/n_estimators"] = dict(FEW_ROUNDS)
    if rng.random() < 0.1 and not is_grid and "early_stopping_rounds" not in train and not train["params"]:
        found["/model_type"] = {"choices": [model_type, ModelType.RANDOM_FOREST.value]}
        if model_type == ModelType.RANDOM_FOREST:
            del found["/model_type"]
    return found


def _is_quantity(world: World, train: Body) -> bool:
    """What a user would think that the target is."""
    target = train["target"]
    if len(target) > 1:
        return False
    column = next(one for one in world.data_of(train["dataset_id"]).columns if one["name"] == target["column"])
    is_class = column["kind"] in (ColumnKind.BOOLEAN, ColumnKind.CATEGORY)
    return not is_class and (column["distinct"] or FEW + 1) > FEW


def spoiled(rng: random.Random, good: Body) -> tuple[Body, str]:
    """The study with one thing wrong, and the pointer that the refusal must have."""
    body = deepcopy(good)
    return body, rng.choice(SPOILS)(rng, body)


def _odd_place(rng: random.Random, body: Body) -> str:
    place = rng.choice(["/target", "/validation/splits", "/random_state", "params/C", "/params/", "/phases"])
    body["search"][place] = {"choices": [1]}
    return "/search/" + place.replace("~", "~0").replace("/", "~1")


def _odd_range(rng: random.Random, body: Body) -> str:
    place = rng.choice(sorted(body["search"]))
    body["search"][place] = rng.choice([{"low": 3, "high": 2}, {"low": 1}, {"choices": [1], "low": 1}, {"choices": []}])
    at = "/choices" if body["search"][place] == {"choices": []} else ""
    return "/search/" + place.replace("/", "~1") + at


def _odd_field(rng: random.Random, body: Body) -> str:
    name, value = rng.choice(
        [
            ("metric", "F1"),
            ("sampler", "bayes"),
            ("generation", 0),
            ("generation", 101),
            ("trials", 0),
            ("trials", 10_001),
            ("warm_start", "yes"),
            ("halving", 3),
            ("halving", {"factor": 1}),
            ("stop", {"target": "high"}),
            ("search", {}),
        ]
    )
    body[name] = value
    return f"/{name}/{next(iter(value))}" if isinstance(value, dict) and value else f"/{name}"


def _field_of_the_study(rng: random.Random, body: Body) -> str:
    name = rng.choice(OF_THE_STUDY)
    body["train"][name] = {"job_type": "TRAIN", "model_name": "m"}.get(name, 5)
    return f"/train/{name}"


def _missing(rng: random.Random, body: Body) -> str:
    if rng.random() < 0.5:
        name = rng.choice(["model_name", "train", "search", "metric"])
        del body[name]
        return f"/{name}"
    name = rng.choice(["dataset_id", "target"])
    del body["train"][name]
    return f"/train/{name}"


def _no_such_data(rng: random.Random, body: Body) -> str:
    body["train"]["dataset_id"] = 999_999
    return "/train/dataset_id"


SPOILS: Sequence[Callable[[random.Random, Body], str]] = (
    _odd_place,
    _odd_range,
    _odd_field,
    _field_of_the_study,
    _missing,
    _no_such_data,
)


def wrong_with_study(
    study: Mapping[str, Any],
    spec: Mapping[str, Any],
    trials: Sequence[Mapping[str, Any]],
    jobs: Sequence[Mapping[str, Any]],
) -> Iterator[str]:
    """The table of trials and the study say the same, and none of its jobs outlives it. jobs: those of the study."""
    if [trial["number"] for trial in trials] != list(range(1, study["trials"] + 1)) or not trials:
        yield f"{study['trials']} trials, but {[trial['number'] for trial in trials]}"
    begun = [trial for trial in trials if trial["continues"] is None]
    if spec["trials"] is not None and len(begun) > spec["trials"]:
        yield f"{len(begun)} trials of {spec['trials']}"
    yield from _wrong_halving(spec, trials)
    if any(job["status"] not in ENDED for job in jobs) or len(jobs) != len(trials) + 1:
        yield f"its jobs: {[(job['job_type'], job['status']) for job in jobs]}"
    scored = [trial for trial in trials if trial["score"] is not None]
    if study["failed_trials"] != len(trials) - len(scored):
        yield f"{study['failed_trials']} failed trials of {[trial['score'] for trial in trials]}"
    furthest = max((rounds_of(spec, trial) for trial in scored), default=0)
    yield from _wrong_best(study, spec, [trial for trial in scored if rounds_of(spec, trial) == furthest])
    for trial in trials:
        for place, value in trial["values"].items():
            if place in spec["search"] and not _is_within(spec["search"][place], value):
                yield f"trial {trial['number']} tried {value!r} for {place}"
    known = [share for share in study["importances"].values() if share is not None]
    if known and len(trials) <= MOST_FOR_IMPORTANCE and not math.isclose(sum(known), 1.0):
        yield f"the importances are no shares: {study['importances']}"


def rounds_of(spec: Mapping[str, Any], trial: Mapping[str, Any]) -> int:
    """The rounds of a trial of a study with halving; 0 for any other."""
    return 0 if spec["halving"] is None else int(trial["values"][ROUNDS])


def _wrong_halving(spec: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A trial continues one with fewer rounds, a score and otherwise the same values; each is continued once."""
    continued = [trial["continues"] for trial in trials if trial["continues"] is not None]
    if len(set(continued)) < len(continued) or (continued and spec["halving"] is None):
        yield f"these trials are continued: {continued}"
    for trial in trials:
        if trial["continues"] is None:
            continue
        before = trials[trial["continues"] - 1]
        is_same = {**before["values"], ROUNDS: 0} == {**trial["values"], ROUNDS: 0}
        if not is_same or before["score"] is None or rounds_of(spec, before) >= rounds_of(spec, trial):
            yield f"trial {trial['number']} {trial['values']} continues {before['values']}, {before['score']}"


def _wrong_best(
    study: Mapping[str, Any], spec: Mapping[str, Any], scored: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    scores = [trial["score"] for trial in scored]
    if not scores:
        if study["best_score"] is not None or study["stopped_by"] == "target":
            yield f"a best score of {study['best_score']} without any"
        return
    best = min(scores) if spec["metric"] in LOWER_IS_BETTER else max(scores)
    first = next(trial for trial in scored if trial["score"] == best)
    found = (study["best_score"], study["best_trial"], study["best_values"])
    most = {} if spec["halving"] is None else {ROUNDS: spec["train"]["params"]["n_estimators"]}
    if found != (best, first["number"], {**first["values"], **most}):
        yield f"the best is {found}, of {scores}"


def _is_within(search: Mapping[str, Any], value: Any) -> bool:
    if search["choices"] is not None:
        return value in search["choices"]
    return bool(search["low"] <= value <= search["high"])
