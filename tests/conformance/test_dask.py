"""A model that a Dask cluster has trained is the one that a single machine trains, but for the last digits."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from ml_training.client import load_model
from ml_training.cluster import dask_cluster as cluster_module
from ml_training.cluster.dask_cluster import DaskCluster, DaskFit, Tls
from ml_training.cluster.part import Part, engine_versions
from ml_training.domain.errors import Unavailable
from ml_training.domain.specs import TrainSpec, spec_json
from ml_training.domain.states import TaskKind
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import plan_train
from ml_training.storage.base import ObjectKind, StoredObject
from ml_training.storage.local import LocalStorage
from ml_training.training import engine
from ml_training.training.cores import FixedCores
from tests.support.dask_cluster import DaskProcesses, dask_cluster
from tests.support.in_process_service import InProcessService
from tests.support.training_data import Recorder, job, mixed, trained

PARAMS = {"n_estimators": 20, "min_child_samples": 5}
NO_TLS = Tls(None, None, None)


@dataclass(frozen=True)
class Service:
    """A storage, and a cluster whose workers see it."""

    directory: Path
    storage: LocalStorage
    identity: str
    cluster: DaskProcesses

    def fit(self, spec: TrainSpec, index: SelectionIndex, *, address: str = "", **part: Any) -> DaskFit:
        """What fits the models of the job."""
        stored = self._store(index)
        about = {"index_key": stored.key, "index_sha256": stored.sha256, "storage_id": self.identity}
        values = {"name": "test", "spec": spec_json(spec), "versions": engine_versions(), **about, **part}
        return DaskFit(DaskCluster(address or self.cluster.address, NO_TLS), Part(**values))

    def trained(self, spec: TrainSpec, index: SelectionIndex, reporter: Recorder, **part: Any) -> engine.TrainedModel:
        """What the engine makes of the job on the cluster."""
        fit = self.fit(spec, index, **part)
        return engine.train(plan_train(spec, index), reporter=reporter, cores=FixedCores(1), cluster=fit)

    def _store(self, index: SelectionIndex) -> StoredObject:
        with self.storage.scratch() as scratch:
            copy = scratch / "index"
            shutil.copytree(index.directory, copy)
            return self.storage.put_directory(ObjectKind.INDEX, copy)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    directory = tmp_path_factory.mktemp("service")
    storage = LocalStorage(directory / "data" / "storage")
    identity = storage.ensure_identity("storage-of-the-test")
    with dask_cluster(directory / "cluster", data_dir=directory / "data") as cluster:
        yield Service(directory / "data", storage, identity, cluster)


def first_tree(artifact: bytes, directory: Path) -> str:
    """The lines of the first tree that say which row goes where."""
    path = directory / "model.zip"
    path.write_bytes(artifact)
    with ZipFile(path) as members:
        [name] = [name for name in members.namelist() if name.endswith(".txt")]
        text = members.read(name).decode()
    tree = text[text.index("Tree=0") : text.index("Tree=1")]
    return "\n".join(
        line for line in tree.splitlines() if line.startswith(("split_feature", "threshold", "leaf_count"))
    )


def assert_like_alone(service: Service, index: SelectionIndex, tmp_path: Path, *, within: float, **fields: Any) -> None:
    """The model of the cluster grows the same first tree, is as good, and is used like any other one."""
    fields = {"params": PARAMS, **fields}
    reporter = Recorder()
    found = service.trained(job("lightgbm", engine="dask", **fields), index, reporter)
    alone = trained(job("lightgbm", **fields), index)
    assert first_tree(found.artifact, tmp_path) == first_tree(alone.artifact, tmp_path)
    assert found.artifact_format == alone.artifact_format
    assert found.schema == alone.schema
    for part in ("train", "held_out"):
        for name, value in alone.scores[part].items():
            if isinstance(value, float):
                assert found.scores[part][name] == pytest.approx(value, abs=within), name
    assert found.details["reproducible"] is False
    assert found.details["iterations"] == PARAMS["n_estimators"]
    losses, expected = (model.details["curves"]["learning"] for model in (found, alone))
    assert losses.keys() == expected.keys()
    assert losses["held_out"][0] == pytest.approx(expected["held_out"][0], rel=1e-6)
    assert [number for number, _ in reporter.iterations] == list(range(1, PARAMS["n_estimators"] + 1))
    assert load_model(found.artifact).features == load_model(alone.artifact).features
    assert service.cluster.parts() == []


@pytest.mark.slow
def test_a_model_of_two_cluster_workers_is_that_of_one_machine(service: Service, tmp_path: Path) -> None:
    assert_like_alone(service, mixed(tmp_path, TaskKind.BINARY, rows=1_000), tmp_path, within=0.02)


@pytest.mark.exhaustive
@pytest.mark.parametrize("task", [TaskKind.MULTICLASS, TaskKind.REGRESSION])
def test_every_task(service: Service, tmp_path: Path, task: TaskKind) -> None:
    index = mixed(tmp_path, task, rows=1_000)
    within = 1.0 if task is TaskKind.REGRESSION else 0.03  # of a target whose deviation is 20
    assert_like_alone(service, index, tmp_path, within=within)


@pytest.mark.exhaustive
def test_weights_and_draws(service: Service, tmp_path: Path) -> None:
    params = {**PARAMS, "colsample_bytree": 0.7, "reg_lambda": 1.0, "max_depth": 4}
    index = mixed(tmp_path, TaskKind.BINARY, rows=1_000)
    assert_like_alone(service, index, tmp_path, within=0.05, params=params, class_balance="weights")


@pytest.mark.exhaustive
def test_splits_and_the_model_of_all_rows(service: Service, tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY, rows=1_000)
    fields = {"validation": {"method": "cross_validation", "splits": 2}, "keep_out_of_fold": True, "params": PARAMS}
    found = service.trained(job("lightgbm", engine="dask", **fields), index, Recorder())
    alone = trained(job("lightgbm", **fields), index)
    assert found.scores["held_out"]["roc_auc"] == pytest.approx(alone.scores["held_out"]["roc_auc"], abs=0.02)
    assert found.out_of_fold is not None
    assert alone.out_of_fold is not None
    np.testing.assert_array_equal(found.out_of_fold.rows, alone.out_of_fold.rows)


@pytest.mark.exhaustive
def test_few_rows_are_one_part(service: Service, tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY, rows=120)
    reporter = Recorder()
    found = service.trained(job("lightgbm", engine="dask", params=PARAMS), index, reporter)
    assert found.artifact == trained(job("lightgbm", params=PARAMS), index).artifact
    assert any("on 1 workers" in line for line in reporter.lines)


@pytest.mark.exhaustive
def test_a_cluster_of_other_versions_or_another_storage_is_not_used(service: Service, tmp_path: Path) -> None:
    index = mixed(tmp_path, TaskKind.BINARY, rows=1_000)
    spec = job("lightgbm", engine="dask", params=PARAMS)
    with pytest.raises(Unavailable, match="other versions"):
        service.trained(spec, index, Recorder(), versions={**engine_versions(), "lightgbm": "1.0"})
    with pytest.raises(Unavailable, match="not the one of the service"):
        service.trained(spec, index, Recorder(), storage_id="another")
    with pytest.raises(Unavailable, match="does not hold"):
        service.trained(spec, index, Recorder(), index_sha256="0" * 64)
    assert service.cluster.parts() == []


def test_an_absent_scheduler_delays_a_job(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "CONNECT", 1)
    index = mixed(tmp_path, TaskKind.BINARY, rows=200)
    spec = job("lightgbm", engine="dask", params=PARAMS)
    reporter = Recorder()
    with pytest.raises(Unavailable, match="does not answer"):
        service.trained(spec, index, reporter, address="tcp://127.0.0.1:1")
    assert any("does not answer" in line for line in reporter.lines)


@pytest.mark.exhaustive
def test_a_job_is_submitted_trained_tested_and_used(service: Service, new_sqlite: Callable[[], str]) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(1_000, 2))
    y = np.where(x.sum(axis=1) + 0.3 * random.normal(size=1_000) > 0, "yes", "no")
    lines = ["a,b,y", *(f"{one:.6f},{two:.6f},{text}" for (one, two), text in zip(x, y, strict=True))]
    spec = {"job_type": "TRAIN", "model_name": "m", "model_type": "lightgbm", "target": {"column": "y"}}
    with InProcessService(service.directory, new_sqlite(), dask_scheduler=service.cluster.address) as api:
        data = api.upload("\n".join(lines).encode(), {"name": "sum"})
        answer = submitted(api, {**spec, "dataset_id": data["id"], "engine": "dask", "params": PARAMS})
        assert [warning["code"] for warning in answer["warnings"]] == ["not_reproducible"]
        api.work()
        trained_job = api.get(f"/jobs/{answer['id']}")
        assert trained_job["status"] == "COMPLETED", trained_job
        model = api.get(f"/models/{trained_job['result']['model_id']}")
        assert model["details"]["reproducible"] is False
        assert model["test_accuracy"] > 0.85
        asked = [
            {"job_type": "TEST", "model_id": model["id"], "dataset_id": data["id"]},
            {"job_type": "PREDICT", "model_id": model["id"], "dataset_id": data["id"]},
        ]
        jobs = [submitted(api, one)["id"] for one in asked]
        api.work()
        assert [api.get(f"/jobs/{number}")["status"] for number in jobs] == ["COMPLETED"] * 2


def submitted(api: InProcessService, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a job that is accepted."""
    status, _, data = api.post(json.dumps(spec).encode(), {"Content-Type": "application/json"})
    assert status == 202, data
    found: dict[str, Any] = json.loads(data)
    return found
