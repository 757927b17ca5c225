"""Data that no textbook shows: every job that selection lets through is trained and scored, or says why not."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml_training.domain.algorithms import CLASSIFICATION_ONLY, EARLY_STOPPING, ModelType
from ml_training.selection.index import IndexColumn
from ml_training.training import engine
from tests.support.training_data import Recorder, boolean, category, integer, job, number, table, trained

RANDOM = np.random.default_rng(0)
ROWS = 60
FEW = {"logistic_regression": {}, "ridge": {}, "mlp": {"max_iter": 10}}
LABELS = category("y", [f"k{code}" for code in RANDOM.integers(0, 2, ROWS)])
NOISE = number("a", RANDOM.normal(size=ROWS))


def labels(text: str) -> IndexColumn:
    return category("y", list(text))


TABLES: dict[str, Callable[[], list[IndexColumn]]] = {
    "constant features": lambda: [number("a", np.ones(ROWS)), integer("b", np.full(ROWS, 3)), LABELS],
    "almost nothing there": lambda: [
        number("a", np.where(np.arange(ROWS) < 1, 1.0, np.nan)),
        boolean("b", np.where(np.arange(ROWS) < 1, 1, -1)),
        category("c", ["x", *[None] * (ROWS - 1)]),
        LABELS,
    ],
    "columns whose only value may be held out": lambda: [
        *(number(f"n{row}", np.where(np.arange(ROWS) == row, 1.0, np.nan)) for row in range(15)),
        *(category(f"c{row}", ["x" if place == row else None for place in range(ROWS)]) for row in range(15)),
        LABELS,
    ],
    "huge numbers": lambda: [
        number("a", RANDOM.choice([1e308, -1e308, 1.0, np.nan], ROWS)),
        integer("b", RANDOM.choice([2**63 - 1, -(2**63), 0], ROWS)),
        LABELS,
    ],
    "tiny numbers": lambda: [number("a", RANDOM.choice([1e-308, 5e-324, 0.0], ROWS)), LABELS],
    "one feature of identifiers": lambda: [category("a", [f"c{row}" for row in range(ROWS)]), LABELS],
    "three rows a class": lambda: [number("a", RANDOM.normal(size=9)), labels("aaabbbccc")],
    "classes of one row": lambda: [number("a", RANDOM.normal(size=6)), labels("aaaabc")],
    "four rows": lambda: [number("a", RANDOM.normal(size=4)), labels("aabb")],
    "a hundred classes": lambda: [
        number("a", RANDOM.normal(size=300)),
        category("y", [f"Größe {row % 100} 🟣" for row in range(300)]),
    ],
    "more categories than bins": lambda: [
        category("a", [f"c{row % 300}" for row in range(600)]),
        category("y", [f"k{row % 2}" for row in range(600)]),
    ],
    "a huge target": lambda: [NOISE, number("y", RANDOM.choice([1.7e308, -1.7e308, 0.5], ROWS))],
    "a tiny target": lambda: [NOISE, number("y", RANDOM.normal(size=ROWS) * 1e-300)],
    "one outlier in the target": lambda: [NOISE, number("y", [1e308, *RANDOM.normal(size=ROWS - 1)])],
    "two rows": lambda: [number("a", [1.0, 2.0]), number("y", [0.5, 1.5])],
}


@pytest.mark.parametrize("name", TABLES)
def test_it_is_trained_whatever_the_algorithm(tmp_path: Path, name: str) -> None:
    columns = TABLES[name]()
    index = table(tmp_path, *columns)
    features = [column.name for column in columns[:-1]]
    for model_type in ModelType:
        if columns[-1].categories or model_type not in CLASSIFICATION_ONLY:
            recorder = Recorder()
            spec = job(model_type.value, features=features, params=FEW.get(model_type.value, {"n_estimators": 3}))
            model = trained(spec, index, reporter=recorder)
            json.dumps([model.scores, model.details], allow_nan=False)
            assert recorder.fractions[-1] == 1.0
            engine.load_model(model.artifact)


@pytest.mark.parametrize("name", ["three rows a class", "classes of one row", "a huge target", "huge numbers"])
def test_early_stopping_does_not_mind(tmp_path: Path, name: str) -> None:
    index = table(tmp_path, *TABLES[name]())
    for model_type in EARLY_STOPPING:
        model = trained(job(model_type.value, early_stopping_rounds=2), index)
        assert model.details["best_iteration"] >= 1


def test_the_libraries_warnings_are_lines_of_the_log(tmp_path: Path) -> None:
    recorder = Recorder()
    index = table(tmp_path, number("a", RANDOM.normal(size=ROWS)), number("b", RANDOM.normal(size=ROWS)), LABELS)
    trained(job("logistic_regression", params={"max_iter": 1}), index, reporter=recorder)
    assert any(line.startswith("ConvergenceWarning: ") for line in recorder.lines)


def test_the_spread_of_huge_errors_is_a_number(tmp_path: Path) -> None:
    index = table(tmp_path, NOISE, number("y", RANDOM.uniform(1, 9, ROWS) * 1e300))
    splits = {"method": "cross_validation", "splits": 3}
    scores = trained(job("ridge", validation=splits), index).scores
    json.dumps(scores, allow_nan=False)
    each = [split["held_out"]["mae"] for split in scores["splits"]]
    assert scores["held_out"]["mae"] == pytest.approx(np.mean(np.divide(each, 1e300)) * 1e300)
    assert scores["spread"]["held_out"]["mae"] == pytest.approx(np.std(np.divide(each, 1e300), ddof=1) * 1e300)


@pytest.mark.parametrize("subsample", [1e-9, 1 / 49, 0.03])
def test_a_share_of_less_than_one_row_is_one_row(tmp_path: Path, subsample: float) -> None:
    index = table(tmp_path, NOISE, LABELS)
    params = {"n_estimators": 3, "subsample": subsample, "subsample_freq": 1}
    assert trained(job("lightgbm", params=params), index).details["iterations"] >= 1


def test_leaves_of_no_weight_are_not_split_to_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    index = table(tmp_path, integer("a", random.integers(0, 17, 400)), integer("y", np.arange(400) // 40))
    params = {"n_estimators": 100, "min_child_samples": 1, "min_child_weight": 0.0, "learning_rate": 0.3}
    assert trained(job("lightgbm", params=params), index).details["iterations"] >= 1


def test_the_details_say_what_was_used(tmp_path: Path) -> None:
    index = table(tmp_path, NOISE, category("c", ["x", "y"] * 30), boolean("y", [1, 0, -1] * 20))
    model = trained(job("lightgbm"), index)
    assert model.details["rows"] == {"train": 32, "held_out": 8, "dropped": 20, "not_covered": 0, "purged": 0}
    assert model.details["classes"] == [False, True]
    assert model.details["positive_class"] is True
    assert model.details["features"][1] == {"name": "c", "kind": "category", "categories": 2, "window": None}
    assert {entry["feature"] for entry in model.details["importance"]["features"]} == {"a", "c"}
    assert model.lineage["random_state"] == 42
    libraries = {"numpy", "scikit_learn", "lightgbm", "xgboost", "imbalanced_learn", "skops"}
    assert set(model.lineage["versions"]) == {"python", *libraries}


def test_a_fresh_process_can_be_warmed_up() -> None:
    engine.warm_up()
