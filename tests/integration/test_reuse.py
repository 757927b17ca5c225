"""Jobs with `reuse` get the result of an equal job and do no work, on both databases; all others do their own work."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ml_training.db.stats import open_stats
from ml_training.execution import reuse, reuse_key
from ml_training.maintenance.sweep import sweep_storage_once
from ml_training.storage.base import StoredObject
from ml_training.training import engine
from tests.support import studies
from tests.support.eventually import eventually
from tests.support.in_process_service import PREFIX, InProcessService
from tests.support.predictions import add, customers, download, run, submit
from tests.support.stored_files import stored_path

AT_ONCE = -1.0  # seconds: every mark of the sweeper is older
TRAIN: dict[str, Any] = {
    "job_type": "TRAIN",
    "model_name": "churn",
    "model_type": "lightgbm",
    "target": {"column": "left"},
    "exclude_features": ["paid"],
    "params": {"n_estimators": 5},
}


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """The service with a data set, whose id is 1."""
    with InProcessService(tmp_path / "data", database_url) as service:
        add(service, customers(200))
        yield service


@pytest.fixture
def quick(tmp_path: Path, new_sqlite: Callable[[], str]) -> Iterator[InProcessService]:
    """The same on SQLite only, where the database makes no difference."""
    with InProcessService(tmp_path / "data", new_sqlite()) as service:
        add(service, customers(200))
        yield service


def train(service: InProcessService, dataset_id: int = 1, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(job, model) of a training."""
    job = run(service, **{**TRAIN, "dataset_id": dataset_id, **fields})
    return job, service.get(f"/models/{job['result']['model_id']}")


def predict(service: InProcessService, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(job, prediction)."""
    job = run(service, job_type="PREDICT", **fields)
    return job, service.get(f"/predictions/{job['result']['prediction_id']}")


def model_bytes(service: InProcessService, model_id: int) -> bytes:
    """The file of a model."""
    answer = service.client.get(f"{PREFIX}/models/{model_id}/download")
    assert answer.status_code == 200, answer.data
    return answer.data


def reuses(service: InProcessService) -> dict[str, int]:
    """How many jobs of each type have been counted as reused."""
    with open_stats(service.resources.database) as stats:
        return {row.job_type: row.n for row in stats.ledger() if row.kind == "reused"}


def artifact_path(service: InProcessService, model_id: int) -> Path:
    """The stored file of a model."""
    with service.resources.database.read() as connection:
        query = text("SELECT artifact_key FROM models WHERE id = :id")
        key = connection.execute(query, {"id": model_id}).scalar_one()
    return stored_path(service.resources.storage, str(key))


def test_an_equal_training_is_a_new_model_with_the_bytes_that_there_are(
    service: InProcessService, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, made = train(service)
    with monkeypatch.context() as patched:
        patched.setattr(engine, "train", None)
        again, same = train(service, model_name="other", priority=1, max_runtime_seconds=77, reuse=True)
    assert (first["reused_from"], again["reused_from"], again["attempt"]) == (None, first["id"], 1)
    assert (same["name"], same["version"], same["job_id"]) == ("other", 1, again["id"])
    equal = ("artifact_sha256", "artifact_bytes", "scores", "details", "task", "train_accuracy", "test_accuracy")
    assert {name: same[name] for name in equal if name in same} == {name: made[name] for name in equal if name in made}
    assert model_bytes(service, same["id"]) == model_bytes(service, made["id"])
    assert again["features_count"] == first["features_count"]
    assert same["lineage"]["reused_from"] == {"job_id": first["id"], "model_id": made["id"]}
    assert again["spec"]["reuse"] is True
    spec = service.get(f"/models/{same['id']}/spec")
    assert ("reuse" in spec, spec["model_name"]) == (False, "other"), "the spec trains the model"
    log = " ".join(line["line"] for line in service.get(f"/jobs/{again['id']}/logs")["items"])
    assert f"the result is that of job {first['id']}" in log
    assert reuses(service) == {"TRAIN": 1}
    assert service.violations() == []


def test_only_who_asks_for_it_gets_the_result_of_another_job(quick: InProcessService) -> None:
    first, _ = train(quick, reuse=True)
    second, _ = train(quick)
    assert (first["reused_from"], second["reused_from"]) == (None, None)
    assert "reuse" not in second["spec"], "the spec of a job from before this field is the same"


def test_the_source_may_be_deleted_and_its_bytes_stay_until_no_row_names_them(service: InProcessService) -> None:
    first, made = train(service)
    _, same = train(service, reuse=True)
    data = model_bytes(service, made["id"])
    assert service.client.delete(f"{PREFIX}/models/{made['id']}").status_code == 204
    assert sweep_storage_once(service.resources, age_seconds=AT_ONCE).removed == 0
    assert model_bytes(service, same["id"]) == data
    third, last = train(service, reuse=True)
    assert third["reused_from"] == same["job_id"], "not that of the deleted model"
    for model in (same, last):
        assert service.client.delete(f"{PREFIX}/models/{model['id']}").status_code == 204
    assert sweep_storage_once(service.resources, age_seconds=AT_ONCE).removed == 1
    fourth, _ = train(service, reuse=True)
    assert fourth["reused_from"] is None
    assert service.violations() == []
    assert first["reused_from"] is None


@pytest.mark.parametrize(
    "fields",
    [
        {"random_state": 7},
        {"params": {"n_estimators": 6}},
        {"exclude_features": ["paid", "age"]},
        {"validation": {"method": "holdout", "test_size": 0.3}},
        {"phases": [1]},
        {"keep_out_of_fold": True},
    ],
    ids=str,
)
def test_another_spec_is_another_job(quick: InProcessService, fields: dict[str, Any]) -> None:
    train(quick)
    assert train(quick, **fields, reuse=True)[0]["reused_from"] is None


def test_equal_data_of_another_name_are_equal_and_other_data_are_not(service: InProcessService) -> None:
    first, made = train(service)
    copy = add(service, customers(200), name="copy")
    again, same = train(service, copy, reuse=True)
    assert again["reused_from"] == first["id"]
    assert (same["dataset_id"], same["lineage"]["dataset_name"]) == (copy, "copy")
    assert same["lineage"]["dataset_sha256"] == made["lineage"]["dataset_sha256"]
    assert train(service, add(service, customers(200, seed=2)), reuse=True)[0]["reused_from"] is None
    assert service.violations() == []


def test_equal_bytes_that_were_read_in_another_way_are_other_data(quick: InProcessService) -> None:
    first, _ = train(quick)
    frame = customers(200)
    plain = quick.upload(frame.to_csv(index=False).encode(), {"name": "plain"})
    also = quick.upload(frame.to_csv(index=False).encode(), {"name": "timed", "time_column": "when"})
    fields = {"exclude_features": ["paid", "when"]}
    once, _ = train(quick, plain["id"], **fields)
    assert train(quick, also["id"], **fields, reuse=True)[0]["reused_from"] is None
    assert train(quick, plain["id"], **fields, reuse=True)[0]["reused_from"] == once["id"] != first["id"]


@pytest.mark.parametrize("what", ["libraries", "code", "machine"])
def test_other_versions_are_not_equal(quick: InProcessService, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    train(quick)
    if what == "libraries":
        monkeypatch.setattr(engine, "versions", lambda: {"lightgbm": "9.9"})
    elif what == "code":
        monkeypatch.setattr(reuse_key, "code_revision", lambda: "another")
    else:
        monkeypatch.setattr(reuse_key.platform, "machine", lambda: "another")
    assert train(quick, reuse=True)[0]["reused_from"] is None


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"no model")], ids=["gone", "damaged"])
def test_bytes_that_are_not_right_are_made_again(service: InProcessService, damage: Callable[[Path], object]) -> None:
    _, made = train(service)
    data = model_bytes(service, made["id"])
    path = artifact_path(service, made["id"])
    path.chmod(0o600)
    damage(path)
    again, same = train(service, reuse=True)
    assert again["reused_from"] is None
    assert model_bytes(service, same["id"]) == data
    assert service.violations() == [], "the damaged bytes were replaced too"


def test_bytes_that_a_sweeper_removes_meanwhile_are_never_named(
    service: InProcessService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is deleted and its bytes are removed after the worker has looked at them, before it stores the row."""
    _, made = train(service)
    look = reuse.counted_look

    def removed_after(*arguments: Any) -> StoredObject | None:
        found = look(*arguments)
        assert service.client.delete(f"{PREFIX}/models/{made['id']}").status_code == 204
        assert sweep_storage_once(service.resources, age_seconds=AT_ONCE).removed == 1
        return found

    with monkeypatch.context() as patched:
        patched.setattr(reuse, "counted_look", removed_after)
        status, job = submit(service, **TRAIN, dataset_id=1, reuse=True)
        assert status == 202
        service.work()
    assert service.get(f"/jobs/{job['id']}")["status"] == "PENDING", "it is tried again, uncharged"

    def ended() -> bool:
        service.work()
        return bool(service.get(f"/jobs/{job['id']}")["status"] == "COMPLETED")

    eventually(ended, every=0.1, what="the job has trained a model itself")
    again = service.get(f"/jobs/{job['id']}")
    assert (again["reused_from"], again["attempt"]) == (None, 2)
    assert model_bytes(service, again["result"]["model_id"])
    assert service.violations() == []


def test_another_project_trains_for_itself(service: InProcessService) -> None:
    with service.resources.database.write() as connection:
        connection.execute(text("INSERT INTO projects (name, created_at) VALUES ('other', 0.0)"))
    train(service)
    stranger = service.client_of(2)
    service.client = stranger
    dataset_id = add(service, customers(200))
    job, _ = train(service, dataset_id, reuse=True)
    assert job["reused_from"] is None
    assert train(service, dataset_id, reuse=True)[0]["reused_from"] == job["id"]
    assert service.violations() == []


def test_the_predictions_for_held_out_rows_come_with_the_model(service: InProcessService) -> None:
    first, made = train(service, keep_out_of_fold=True)
    again, same = train(service, keep_out_of_fold=True, reuse=True)
    assert again["reused_from"] == first["id"]
    kept, copied = (service.get(f"/models/{model['id']}/out-of-fold") for model in (made, same))
    assert kept["id"] != copied["id"]
    assert (copied["model_id"], copied["sha256"]) == (same["id"], kept["sha256"])
    assert download(service, copied["id"]) == download(service, kept["id"])
    for prediction in (kept, copied):
        assert service.client.delete(f"{PREFIX}/predictions/{prediction['id']}").status_code == 204
    third, last = train(service, keep_out_of_fold=True, reuse=True)
    assert third["reused_from"] is None, "the predictions are gone"
    assert service.get(f"/models/{last['id']}/out-of-fold")["sha256"] == kept["sha256"]
    assert service.violations() == []


@pytest.mark.parametrize("given", [False, True], ids=["data set", "rows"])
def test_a_prediction_is_reused_also_with_a_model_of_equal_bytes(
    service: InProcessService, given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(service)
    what: dict[str, Any] = {"dataset_id": 1, "keep": ["note", "when"]}
    if given:
        what = {"rows": [{"age": 30, "plan": "a"}, {"age": None}]}
    first, made = predict(service, model="churn", **what)
    _, newer = train(service, reuse=True)
    with monkeypatch.context() as patched:
        patched.setattr(engine, "predict", None)
        again, same = predict(service, model="churn", **what, reuse=True)
    assert (again["reused_from"], same["model_id"]) == (first["id"], newer["id"])
    assert same["lineage"]["reused_from"] == {"job_id": first["id"], "prediction_id": made["id"]}
    equal = ("rows", "sha256", "bytes", "columns", "unseen_categories", "missing")
    assert {name: same[name] for name in equal} == {name: made[name] for name in equal}
    assert download(service, same["id"]) == download(service, made["id"])
    assert service.client.delete(f"{PREFIX}/predictions/{made['id']}").status_code == 204
    assert sweep_storage_once(service.resources, age_seconds=AT_ONCE).removed == 0
    assert download(service, same["id"])
    assert predict(service, model="churn", **what, format="csv", reuse=True)[0]["reused_from"] is None
    assert reuses(service) == {"TRAIN": 1, "PREDICT": 1}
    assert service.violations() == []


def test_intervals_of_models_of_equal_bytes_may_differ(quick: InProcessService) -> None:
    """A refitted model has the same bytes for any splits, and other errors on the held-out rows."""
    of_paid = {"target": {"column": "paid"}, "exclude_features": ["left"], "model_type": "ridge", "params": {}}
    _, made = train(quick, **of_paid, validation={"method": "cross_validation", "splits": 3})
    _, other = train(quick, **of_paid, validation={"method": "cross_validation", "splits": 4})
    assert model_bytes(quick, made["id"]) == model_bytes(quick, other["id"])
    first, narrow = predict(quick, model_id=made["id"], dataset_id=1, interval=0.9)
    again, wide = predict(quick, model_id=other["id"], dataset_id=1, interval=0.9, reuse=True)
    assert again["reused_from"] is None
    assert narrow["sha256"] != wide["sha256"]
    plain, _ = predict(quick, model_id=made["id"], dataset_id=1)
    assert predict(quick, model_id=other["id"], dataset_id=1, reuse=True)[0]["reused_from"] == plain["id"]
    assert predict(quick, model_id=made["id"], dataset_id=1, interval=0.9, reuse=True)[0]["reused_from"] == first["id"]


def test_a_study_takes_equal_trials_and_finds_the_same(service: InProcessService) -> None:
    data = service.upload(studies.rows_csv(), {"name": "rows"})["id"]
    first = studies.run(service, train={"dataset_id": data})
    found = service.get(f"/studies/{first['result']['study_id']}")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine, "train", None)
        patched.setattr(engine, "evaluate", None)
        again = studies.run(service, train={"dataset_id": data, "reuse": True})
    assert again["status"] == "COMPLETED", again
    same = service.get(f"/studies/{again['result']['study_id']}")
    tables = [studies.trials_of(service, one["id"]) for one in (found, same)]
    tried = [[(one["values"], one["score"]) for one in table] for table in tables]
    assert tried[0] == tried[1]
    sources = {one["job_id"] for one in tables[0]}
    assert {service.get(f"/jobs/{one['job_id']}")["reused_from"] for one in tables[1]} == sources
    equal = ("best_score", "best_values", "best_trial", "stopped_by", "importances")
    assert {name: same[name] for name in equal} == {name: found[name] for name in equal}
    models = [service.get(f"/models/{one['best_model_id']}") for one in (found, same)]
    assert models[1]["lineage"]["study_job_id"] == again["id"]
    assert model_bytes(service, models[1]["id"]) == model_bytes(service, models[0]["id"])
    assert reuses(service) == {"TRIAL": 6, "TRAIN": 1}
    longer = studies.run(service, train={"dataset_id": data, "reuse": True}, trials=8)
    jobs = [service.get(f"/jobs/{one['job_id']}") for one in studies.trials_of(service, longer["result"]["study_id"])]
    assert [job["reused_from"] is not None for job in jobs] == [True] * 6 + [False] * 2
    assert service.violations() == []


def test_an_estimate_is_not_made_of_jobs_that_did_nothing(quick: InProcessService) -> None:
    train(quick)
    with quick.resources.database.read() as connection:
        took = float(connection.execute(text("SELECT runtime_seconds FROM jobs WHERE job_type = 'TRAIN'")).scalar_one())
    for _ in range(3):
        assert train(quick, reuse=True)[0]["reused_from"] is not None
    answer = quick.client.post(f"{PREFIX}/jobs?dry_run=true", json={**TRAIN, "dataset_id": 1, "reuse": True})
    assert answer.get_json()["estimate"]["seconds"] == took


def test_reuse_does_not_go_with_a_cluster(quick: InProcessService) -> None:
    status, body = submit(quick, **TRAIN, dataset_id=1, engine="dask", reuse=True)
    assert status == 422
    assert "/reuse" in [error["pointer"] for error in body["errors"]]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("UPDATE models SET reuse_key = 'another' WHERE version = 2", "invariant 10"),
        ("UPDATE models SET artifact_sha256 = 'another' WHERE version = 2", "invariant 10"),
        ("DELETE FROM ledger WHERE kind = 'reused'", "invariant 8"),
    ],
)
def test_the_check_of_the_invariants_sees_a_wrong_reuse(quick: InProcessService, change: str, rule: str) -> None:
    train(quick)
    train(quick, reuse=True)
    assert quick.violations() == []
    with quick.resources.database.write() as connection:
        connection.execute(text(change))
    assert any(line.startswith(rule) for line in quick.violations())
