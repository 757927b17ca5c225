"""load_model: what is no model is refused with a reason, and no library that the model does not need is loaded."""

import io
import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

from ml_training.client import load_model
from ml_training.client.model import ArchiveError
from ml_training.domain.states import TaskKind
from ml_training.training.canonical import archive
from tests.support.training_data import job, mixed, trained


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    index = mixed(tmp_path_factory.mktemp("mixed"), TaskKind.BINARY)
    return {name: trained(job(name), index).artifact for name in ("ridge", "lightgbm", "xgboost")}


def members(artifact: bytes) -> dict[str, bytes]:
    with ZipFile(io.BytesIO(artifact)) as source:
        return {name: source.read(name) for name in source.namelist()}


def test_a_path_and_bytes_are_the_same_model(artifacts: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(artifacts["ridge"])
    row = [{"size": 1.0, "age": 30, "member": True, "colour": "rot", "town": None}]
    assert (
        load_model(path).predict(row)
        == load_model(str(path)).predict(row)
        == load_model(artifacts["ridge"]).predict(row)
    )
    assert repr(load_model(path)) == "<ridge model for binary from 5 columns>"
    assert load_model(path).features == ("size", "age", "member", "colour", "town")


def forged(artifact: bytes, kind: str) -> bytes:
    parts = members(artifact)
    manifest = json.loads(parts["manifest.json"])
    stranger = Pipeline([("linear", LinearRegression().fit(np.zeros((2, 1)), np.zeros(2)))])
    stranger.extra_ = RandomForestClassifier(1).fit(np.zeros((4, 1)), [0, 1, 0, 1]).estimators_[0].tree_

    def changed(**entries: object) -> bytes:
        return archive(parts | {"manifest.json": json.dumps(manifest | entries).encode()})

    return {
        "no zip": b"model",
        "cut": artifact[: len(artifact) // 2],
        "another file": archive(parts | {"evil.py": b"1"}),
        "no model": archive({"manifest.json": parts["manifest.json"]}),
        "no JSON": archive(parts | {"manifest.json": b"{"}),
        "a list": archive(parts | {"manifest.json": b"[]"}),
        "a format of the future": changed(format_version=99),
        "another library": changed(artifact_format="pickle"),
        "no schema": changed(schema={}),
        "an unknown model": changed(model_type="svm"),
        "an untrusted type": archive(parts | {"model.skops": skops.io.dumps(stranger)}),
        "no pipeline": archive(parts | {"model.skops": skops.io.dumps(LinearRegression())}),
        "no skops": archive(parts | {"model.skops": b"gASVAAAAAA=="}),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("no zip", "not the archive of a model"),
        ("cut", "not the archive of a model"),
        ("another file", "holds manifest.json and model.skops"),
        ("no model", "holds manifest.json and model.skops"),
        ("no JSON", "manifest.json is not JSON"),
        ("a list", "not the archive of a model"),
        ("a format of the future", "format 99 of a model is not known"),
        ("another library", "'pickle' is not known"),
        ("no schema", "cannot be loaded"),
        ("an unknown model", "cannot be loaded"),
        ("an untrusted type", "sklearn.tree._tree.Tree"),
        ("no pipeline", "a pipeline is needed, and this is a LinearRegression"),
        ("no skops", "cannot be loaded"),
    ],
)
def test_what_is_no_model_is_refused_with_the_reason(artifacts: dict[str, bytes], kind: str, said: str) -> None:
    with pytest.raises(ArchiveError) as caught:
        load_model(forged(artifacts["ridge"], kind))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("model_type", "name", "damaged"),
    [
        ("lightgbm", "model.txt", b"tree\nnothing\n"),
        ("xgboost", "model.ubj", b"{nothing}"),
        ("xgboost", "model.ubj", b""),
    ],
)
def test_what_is_no_booster_is_refused(artifacts: dict[str, bytes], model_type: str, name: str, damaged: bytes) -> None:
    parts = members(artifacts[model_type])
    with pytest.raises(ArchiveError, match="cannot be loaded"):
        load_model(archive(parts | {name: damaged}))


def test_the_hash_that_the_service_shows_is_checked_before_anything_is_read(artifacts: dict[str, bytes]) -> None:
    with pytest.raises(ArchiveError, match="download it again"):
        load_model(b"forged", sha256="0" * 64)


ISOLATED = """
import sys, importlib.abc
REFUSED = set(sys.argv[2].split(","))
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ImportError(f"{name} is refused")
sys.meta_path.insert(0, Refuse())
import ml_training.client
assert "numpy" not in sys.modules, "importing the client loads numpy"
from ml_training.client import load_model
model = load_model(sys.argv[1])
print(model.predict(ROWS).tolist())
"""
ROWS = [
    {"size": 1.0, "age": 30, "member": True, "colour": "rot", "town": "town 3"},
    {"size": None, "age": 70, "member": None, "colour": "new", "town": None},
]
SERVER = "flask,sqlalchemy,celery,redis,pydantic,structlog,werkzeug,alembic,kombu,pandas,pyarrow"


@pytest.mark.parametrize(("model_type", "other"), [("ridge", "lightgbm"), ("lightgbm", "sklearn,skops")])
def test_a_fresh_interpreter_without_the_server_loads_and_predicts(
    artifacts: dict[str, bytes], tmp_path: Path, model_type: str, other: str
) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(artifacts[model_type])
    refused = SERVER if model_type == "lightgbm" else SERVER.replace(",pandas,pyarrow", "")
    script = ISOLATED.replace("ROWS", repr(ROWS))
    command = [sys.executable, "-c", script, str(path), f"{refused},{other}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(load_model(path).predict(ROWS).tolist())
