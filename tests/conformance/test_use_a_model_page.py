"""Every Python block of docs/use-a-model.md runs as it is written, and says what the service says."""

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_training.client import load_model
from ml_training.domain.states import TaskKind
from tests.support.training_data import job, trained
from tests.support.user_tables import UserTable, ingested

PAGE = (Path(__file__).parents[2] / "docs" / "use-a-model.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ROWS = 120


def customers() -> pd.DataFrame:
    random = np.random.default_rng(2)
    plan = random.choice(["basic", "pro", "team"], ROWS)
    age = random.integers(18, 80, ROWS)
    member = random.random(ROWS) < 0.5
    left = np.where(age / 30 + (plan == "pro") + random.normal(scale=0.3, size=ROWS) > 2, "Yes", "No")
    return pd.DataFrame({"age": age, "plan": plan, "member": member, "y": left})


def sales() -> pd.DataFrame:
    random = np.random.default_rng(3)
    days = pd.date_range("2026-01-01", periods=ROWS // 2).repeat(2).strftime("%Y-%m-%d")
    sold = random.normal(100, 10, ROWS)
    return pd.DataFrame({"day": days, "shop": ["N", "S"] * (ROWS // 2), "sold": sold, "y": sold * 2 + 1})


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader of the page works: the files that its blocks name."""
    place = tmp_path_factory.mktemp("page")
    roles = {"time_column": "day", "group_column": "shop"}
    windows: dict[str, Any] = {"feature_engineering": {"windows": [3]}}
    tables = {"customers": UserTable(customers()), "sales": UserTable(sales(), roles, windows)}
    indexes = {name: ingested(place / name, table, form="csv") for name, table in tables.items()}
    models = {
        "churn": trained(job("random_forest"), indexes["customers"]),
        "boosted": trained(job("lightgbm"), indexes["customers"]),
        "strong": trained(job("xgboost"), indexes["customers"]),
        "sales": trained(job("ridge", **windows), indexes["sales"]),
    }
    assert models["sales"].schema["task"] == TaskKind.REGRESSION
    for name, model in models.items():
        (place / f"{name}.zip").write_bytes(model.artifact)
    customers().drop(columns="y").iloc[::-1].to_csv(place / "customers.csv", index=False)
    sales().drop(columns="y").to_csv(place / "sales.csv", index=False)
    return place


@pytest.fixture(autouse=True)
def here(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(directory)


def run(*blocks: str) -> dict[str, Any]:
    """The names that a script of these blocks defines."""
    Path("script.py").write_text("".join(blocks), encoding="utf-8")
    return runpy.run_path("script.py")


def test_the_client_and_windows() -> None:
    names = run(BLOCKS[0], BLOCKS[1])
    assert set(names["customers"]["prediction"]) == {"No", "Yes"}
    assert np.isfinite(names["history"]["prediction"]).all()


def test_the_onnx_file_says_the_same() -> None:
    names = run(BLOCKS[2])
    assert set(names["prediction"]) == {"No", "Yes"}
    expected = load_model("churn.zip").predict_proba(names["customers"])
    np.testing.assert_allclose(names["chances"], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("number", "archive"), [(3, "churn.zip"), (4, "boosted.zip"), (5, "strong.zip")])
def test_the_library_alone_says_the_same(number: int, archive: str) -> None:
    names = run(BLOCKS[number])
    model, frame = load_model(archive), pd.read_csv("customers.csv")
    assert list(names["prediction"]) == list(model.predict(frame))
    chances = model.predict_proba(frame)
    second = np.asarray(names.get("chance"), dtype=np.float64)
    found = names["chances"] if number == 3 else np.column_stack([1 - second, second])
    np.testing.assert_array_equal(found, chances)


def test_every_block_is_run() -> None:
    assert len(BLOCKS) == 6


def test_every_entry_of_the_manifest_is_on_the_page() -> None:
    manifest = load_model("sales.zip").manifest
    for entry in [*manifest, *(f"schema.{name}" for name in manifest["schema"])]:
        assert entry == "schema" or f"`{entry}`" in PAGE
    for name in manifest["schema"]["features"][0]:
        assert f"`{name}`" in PAGE
