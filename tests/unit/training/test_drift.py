"""The engine's part of DRIFT: what moved is found, what only looks like it is not, and equal jobs are equal."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_training.domain.drift_spec import DriftSpec
from ml_training.domain.errors import Interrupted, Invalid
from ml_training.domain.states import TaskKind
from ml_training.selection.drift_plan import check_compared, plan_drift
from ml_training.selection.index import SelectionIndex
from ml_training.training import engine
from ml_training.training.cores import FixedCores
from ml_training.training.drift.correlation_time import correlation_time
from tests.support.drift_data import compare_numbers, wandering
from tests.support.training_data import Recorder, category, job, mixed, number, table, trained

SPEC = DriftSpec(job_type="DRIFT", model_id=1, dataset_id=1)


def compared(training: SelectionIndex, other: SelectionIndex, *, threads: int = 1, **fields: Any) -> dict[str, Any]:
    spec = job("lightgbm")
    made = trained(spec, training)
    model = engine.load_model(made.artifact, model_id=1)
    importance = {item["feature"]: item["value"] for item in made.details["importance"]["features"]}
    drift_spec = SPEC.model_copy(update=fields)
    plan = plan_drift(drift_spec, other, model.schema, trained=spec, training_index=training)
    return engine.drift(plan, importance, reporter=Recorder(), cores=FixedCores(threads))


def small(directory: Path, *, seed: int, moved: float = 0.0, plans: str = "ab", lost: float = 0.0) -> SelectionIndex:
    random = np.random.default_rng(seed)
    size, noise = random.normal(size=600) + moved, random.normal(size=600)
    size[random.random(600) < lost] = np.nan
    plan = random.choice(list(plans), 600).tolist()
    labels = np.where(np.nan_to_num(size) + 0.1 * noise > moved, "yes", "no").tolist()
    return table(directory, number("size", size), number("noise", noise), category("plan", plan), category("y", labels))


def test_a_moved_feature_that_matters_is_a_drift(tmp_path: Path) -> None:
    found = compared(small(tmp_path, seed=1), small(tmp_path, seed=2, moved=1.0, plans="abc", lost=0.2))
    assert found["drifted"]
    assert found["p_value"] < 0.01
    assert found["auc"] > 0.7
    by_name = {item["feature"]: item for item in found["features"]}
    assert found["features"][0]["feature"] == "size"
    assert by_name["size"]["wasserstein"] == pytest.approx(1.0, abs=0.2), "in the units of the column"
    assert by_name["size"]["missing_share"] == pytest.approx(0.2, abs=0.05)
    assert by_name["plan"]["unseen_share"] == pytest.approx(1 / 3, abs=0.07)
    assert by_name["plan"]["missing_share"] == 0
    assert by_name["noise"]["p_value"] > 0.01
    assert sum(item["weight"] for item in found["features"]) == pytest.approx(1)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_feature_without_a_value_in_some_or_all_rows_is_compared_too(tmp_path: Path) -> None:
    def half_empty(seed: int, *, share: float) -> SelectionIndex:
        """`late` has values in the first rows only, fewer than the classifier's first block."""
        random = np.random.default_rng(seed)
        size, late = random.normal(size=600), np.full(600, np.nan)
        late[: int(600 * share)] = random.normal(size=int(600 * share))
        labels = np.where(size > 0, "yes", "no").tolist()
        return table(tmp_path, number("size", size), number("late", late), category("y", labels))

    training = half_empty(1, share=0.02)
    for share in (0.0, 0.02):
        found = compared(training, half_empty(2, share=share))
        assert found["auc"] is not None
        [late] = [item for item in found["features"] if item["feature"] == "late"]
        assert late["missing_share"] == pytest.approx(1 - share)


def test_other_rows_of_the_same_kind_are_none(tmp_path: Path) -> None:
    found = compared(small(tmp_path, seed=1), small(tmp_path, seed=2))
    assert not found["drifted"]
    assert found["weighted_psi"] < 0.1
    assert 0.4 < found["auc"] < 0.6


def test_ugly_data_are_compared_and_equal_jobs_are_equal(tmp_path: Path) -> None:
    training, other = mixed(tmp_path, TaskKind.BINARY), mixed(tmp_path, TaskKind.REGRESSION, seed=3)
    first = compared(training, other)
    assert compared(training, other, threads=2) == first
    assert json.loads(json.dumps(first, allow_nan=False)) == first


@pytest.mark.parametrize("correlation", [0.9, 0.99])
def test_rows_that_depend_on_each_other_do_not_alarm(correlation: float) -> None:
    """Any two weeks differ where rows go on for long: single rows would say p < 0.01 nearly each time."""
    random = np.random.default_rng(5)
    alarms = sum(
        compare_numbers(wandering(random, 3_000, correlation), wandering(random, 1_500, correlation), seed=seed)[
            "drifted"
        ]
        for seed in range(40)
    )
    assert alarms <= 6, "of 40, where 2 are expected at most"


def test_a_feature_that_moves_too_slowly_is_not_judged_and_hides_no_other(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    slow, fast = wandering(random, 2_000, 0.999)[:, :1], random.normal(size=(2_000, 1))
    for moved in (0.0, 1.0):
        found = compare_numbers(np.hstack([slow, fast]), np.hstack([slow[::-1] + 3, fast[::-1] + moved]), seed=1)
        by_name = {item["feature"]: item for item in found["features"]}
        assert by_name["x0"]["p_value"] is None
        assert by_name["x0"]["psi"] > 1
        assert found["judged_psi"] == pytest.approx(by_name["x1"]["psi"] / 2)
        assert found["drifted"] is (moved > 0)
    alone = compare_numbers(slow, slow[::-1] + 3, seed=1)
    assert (alone["drifted"], alone["p_value"]) == (False, None)


@pytest.mark.parametrize(("training", "compared"), [(20_000, 60), (60, 20_000), (400, 400)])
def test_sides_of_any_size_are_compared_fairly(training: int, compared: int) -> None:
    random = np.random.default_rng(7)
    alarms = sum(
        compare_numbers(random.normal(size=(training, 1)), random.normal(size=(compared, 1)), seed=seed)["p_value"]
        <= 0.05
        for seed in range(20)
    )
    assert alarms <= 4, "of 20, where 1 is expected"


def test_the_correlation_time_of_a_known_process_is_found() -> None:
    random = np.random.default_rng(8)
    for correlation in (0.0, 0.5, 0.9):
        time = correlation_time(wandering(random, 50_000, correlation)[:, :1])
        assert time == pytest.approx((1 + correlation) / (1 - correlation), rel=0.2)
    assert correlation_time(np.ones((100, 2))) == 1
    assert correlation_time(np.arange(1_000.0)[:, None]) > 100


def test_too_few_rows_are_refused_and_a_stop_is_heard(tmp_path: Path) -> None:
    training = small(tmp_path, seed=1)
    spec = job("lightgbm")
    model = engine.load_model(trained(spec, training).artifact, model_id=1)
    few = table(tmp_path, number("size", [1.0] * 5), number("noise", range(5)), category("plan", ["a"] * 5))
    with pytest.raises(Invalid):
        check_compared(SPEC, few, model.schema)
    plan = plan_drift(SPEC, training, model.schema, trained=spec, training_index=training)
    with pytest.raises(Interrupted):
        engine.drift(plan, {}, reporter=Recorder(stop_at=3), cores=FixedCores(1))
