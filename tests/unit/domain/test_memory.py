"""The rules of how much memory a job takes; `tests/conformance/test_memory.py` compares them with the real engine."""

from dataclasses import replace
from typing import Any

import pytest

from ml_training.domain.algorithms import PARAMS, ModelType
from ml_training.domain.memory.batches import InputShape
from ml_training.domain.memory.facts import TrainingFacts, TreeGrowth
from ml_training.domain.memory.jobs import ModelFacts, explaining, predicting, training

GIGABYTE = 1_000_000_000
DATA = TrainingFacts(
    rows=10_000,
    fit_rows=8_000,
    stop_rows=0,
    held_out=2_000,
    pooled=2_000,
    splits=1,
    features=20,
    windows=0,
    classes=2,
    categories=(),
    category_bytes=0,
    has_smote=False,
    keeps_out_of_fold=False,
    growth=TreeGrowth(rows=5_000, leaves=1_000, exponent=1.0),
)
LARGER: dict[ModelType, list[dict[str, Any]]] = {
    ModelType.LIGHTGBM: [{"num_leaves": 4_000}, {"n_estimators": 9_000}, {"max_bin": 4_000, "num_leaves": 500}],
    ModelType.XGBOOST: [{"max_depth": 14}, {"n_estimators": 9_000}, {"max_bin": 4_000, "max_depth": 9}],
    ModelType.RANDOM_FOREST: [{"n_estimators": 2_000}],
    ModelType.EXTRA_TREES: [{"n_estimators": 2_000}],
    ModelType.HIST_GRADIENT_BOOSTING: [{"max_leaf_nodes": 4_000}, {"max_iter": 9_000}],
    ModelType.LOGISTIC_REGRESSION: [],
    ModelType.RIDGE: [],
    ModelType.MLP: [{"hidden_layer_sizes": [2_048, 2_048]}],
}


def estimated(facts: TrainingFacts, model_type: ModelType, **params: Any) -> int:
    values = PARAMS[model_type].model_validate(params).model_dump(mode="json")
    return training(facts, model_type, values, threads=1).bytes


@pytest.mark.parametrize("model_type", ModelType)
def test_more_of_anything_takes_more_memory(model_type: ModelType) -> None:
    facts = replace(DATA, rows=400_000, fit_rows=320_000, held_out=80_000, pooled=80_000)
    usual = estimated(facts, model_type)
    assert usual < 3 * GIGABYTE
    for params in LARGER[model_type]:
        assert estimated(facts, model_type, **params) > 1.5 * usual, params
    more = {
        "features": replace(facts, features=2_000),
        "classes": replace(facts, classes=500),
        "rows": replace(facts, rows=4_000_000, fit_rows=3_200_000, held_out=800_000, pooled=800_000),
        "smote": replace(facts, fit_rows=3_200_000, has_smote=True),
    }
    for name, larger in more.items():
        assert estimated(larger, model_type) > 1.2 * usual, name


def test_the_two_small_files_that_once_took_a_worker_s_memory_are_known_to_need_it() -> None:
    classes = replace(
        DATA,
        rows=20_000,
        fit_rows=16_000,
        held_out=4_000,
        pooled=4_000,
        features=2,
        classes=1_000,
        growth=TreeGrowth(5_000, 5_000, 1.0),
    )
    assert estimated(classes, ModelType.RANDOM_FOREST) > 15 * GIGABYTE
    columns = replace(
        DATA, rows=100, fit_rows=80, held_out=20, pooled=20, features=1_200, categories=(44,) * 1_200, growth=None
    )
    assert estimated(columns, ModelType.MLP, hidden_layer_sizes=[2_048, 2_048]) > 3 * GIGABYTE


def test_a_tree_is_as_large_as_the_data_and_the_parameters_let_it_grow() -> None:
    noise = replace(DATA, classes=500, growth=TreeGrowth(5_000, 5_000, 1.0))
    clean = replace(DATA, classes=500, growth=TreeGrowth(5_000, 50, 0.2))
    whole = estimated(noise, ModelType.RANDOM_FOREST)
    assert estimated(clean, ModelType.RANDOM_FOREST) < whole / 5
    limits: list[dict[str, Any]] = [
        {"max_depth": 8},
        {"max_leaf_nodes": 256},
        {"min_samples_leaf": 30},
        {"min_samples_split": 100},
    ]
    for limit in limits:
        assert estimated(noise, ModelType.RANDOM_FOREST, **limit) < whole / 5, limit
    assert TreeGrowth(100, 50, 1.0).leaves_of(10) == 5
    assert TreeGrowth(100, 100, 1.0).leaves_of(0.5) == 1


def test_large_data_of_lightgbm_are_never_a_matrix() -> None:
    facts = replace(DATA, rows=2_000_000, fit_rows=1_600_000, held_out=400_000, pooled=400_000, features=30)
    assert estimated(facts, ModelType.LIGHTGBM) < 2_000_000 * 30 * 8 < estimated(facts, ModelType.RIDGE)


def test_a_job_that_loads_models_needs_them_all_and_its_predictions() -> None:
    shape = InputShape(rows=1_000, features=10, categories=(), outputs=2)
    model = ModelFacts(model_type=ModelType.LIGHTGBM, memory=100_000_000, artifact=10_000_000, shape=shape)
    one = predicting([model], rows=1_000, keeps_all=True)
    assert 200_000_000 < one.bytes < 300_000_000, "while it is loaded, it is there twice"
    assert predicting([model] * 5, rows=1_000, keeps_all=True).bytes > 500_000_000
    wide = replace(model, shape=replace(shape, outputs=1_000))
    kept, batches = (predicting([wide], rows=1_000_000, keeps_all=keeps).bytes for keeps in (True, False))
    assert kept > 8 * GIGABYTE
    assert batches < 3 * GIGABYTE, "PREDICT has a batch in memory, whatever the number of rows"


def test_an_explanation_needs_the_features_of_its_sample_and_not_of_all_rows() -> None:
    shape = InputShape(rows=1_000, features=1_000, categories=(), outputs=2)
    model = ModelFacts(model_type=ModelType.LIGHTGBM, memory=1_000_000, artifact=100_000, shape=shape)
    small, large = (explaining(model, rows=1_000_000, sample=sample).bytes for sample in (1_000, 100_000))
    assert small < 300_000_000
    assert large > 2 * 8 * 1_000 * 100_000, "the rows, and a copy of some"
    assert explaining(model, rows=100_000, sample=100_000).stage == "explaining"
