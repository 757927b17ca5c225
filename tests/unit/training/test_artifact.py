"""An artifact is one file, the same for the same model, and nothing else is ever loaded."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.states import TaskKind
from ml_training.training import engine
from ml_training.training.canonical import archive, canonical_lightgbm, canonical_skops
from tests.support.training_data import job, mixed, trained


def members(artifact: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(artifact)) as source:
        return {name: source.read(name) for name in source.namelist()}


def forest() -> RandomForestClassifier:
    random = np.random.default_rng(0)
    return RandomForestClassifier(3, random_state=0).fit(random.normal(size=(30, 2)), random.integers(0, 2, 30))


def test_the_same_object_twice_gives_the_same_bytes_although_addresses_differ() -> None:
    first, second = forest(), forest()
    assert skops.io.dumps(first) != skops.io.dumps(second)
    assert canonical_skops(first) == canonical_skops(second)


def test_the_canonical_archive_holds_what_skops_itself_writes() -> None:
    model = forest()
    plain, ours = members(skops.io.dumps(model)), members(canonical_skops(model))
    del plain["schema.json"], ours["schema.json"]  # other ids, and no indentation
    assert sorted(plain.values()) == sorted(ours.values())
    trusted = ["sklearn.tree._tree.Tree"]
    x = np.random.default_rng(1).normal(size=(50, 2))
    restored = skops.io.loads(canonical_skops(model), trusted=trusted)
    np.testing.assert_array_equal(restored.predict_proba(x), model.predict_proba(x))


def test_archives_have_no_times_and_no_owner() -> None:
    with zipfile.ZipFile(io.BytesIO(archive({"a": b"1", "b": b"2"}))) as source:
        assert [info.filename for info in source.infolist()] == ["a", "b"]
        assert {info.date_time for info in source.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {info.create_system for info in source.infolist()} == {3}


def test_lightgbm_text_loses_its_parameters_and_nothing_else() -> None:
    text = "tree\nx=1\n\nparameters:\n[num_threads: 3]\n[x: y]\n\nend of parameters\n\npandas_categorical:null\n"
    assert canonical_lightgbm(text) == b"tree\nx=1\n\n\npandas_categorical:null\n"


def test_a_lightgbm_artifact_names_no_thread_and_no_file(tmp_path: Path) -> None:
    artifact = trained(job("lightgbm"), mixed(tmp_path, TaskKind.BINARY), threads=2).artifact
    text = members(artifact)["model.txt"]
    assert b"threads" not in text
    assert b"filename" not in text
    manifest = json.loads(members(artifact)["manifest.json"])
    assert manifest["artifact_format"] == "lightgbm-text"
    assert [feature["name"] for feature in manifest["schema"]["features"]] == [
        "size",
        "age",
        "member",
        "colour",
        "town",
    ]


@pytest.mark.parametrize("damage", ["cut", "emptied", "no model", "no manifest", "unknown version", "other type"])
def test_a_damaged_artifact_is_an_integrity_failure(tmp_path: Path, damage: str) -> None:
    artifact = trained(job("ridge"), mixed(tmp_path, TaskKind.BINARY)).artifact
    parts = members(artifact)
    manifest = json.loads(parts["manifest.json"])
    broken = {
        "cut": artifact[: len(artifact) // 2],
        "emptied": b"",
        "no model": archive({"manifest.json": parts["manifest.json"]}),
        "no manifest": archive({"model.skops": parts["model.skops"]}),
        "unknown version": archive(parts | {"manifest.json": json.dumps(manifest | {"format_version": 99}).encode()}),
        "other type": archive(parts | {"manifest.json": json.dumps(manifest | {"model_type": "svm"}).encode()}),
    }[damage]
    with pytest.raises(JobFailed) as caught:
        engine.load_model(broken)
    assert caught.value.code is ErrorCode.INTEGRITY


def test_a_type_outside_the_list_is_refused(tmp_path: Path) -> None:
    artifact = trained(job("ridge"), mixed(tmp_path, TaskKind.REGRESSION)).artifact
    random = np.random.default_rng(0)
    stranger = LinearRegression().fit(random.normal(size=(9, 5)), random.normal(size=9))
    stranger.extra_ = forest().estimators_[0].tree_  # a tree has no place in a linear model
    with pytest.raises(JobFailed):
        engine.load_model(archive(members(artifact) | {"model.skops": skops.io.dumps(stranger)}))
