"""Validation by group through the API: refused by name, no group on both sides, checked for each seed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.support.in_process_service import InProcessService
from tests.support.predictions import download, read_parquet

ROWS = 240
PATIENTS = [f"p{row % 30}" if row % 20 else "" for row in range(ROWS)]


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    with InProcessService(tmp_path / "data", database_url) as service:
        yield service


def uploaded(service: InProcessService, lines: list[str], **form: str) -> int:
    found = service.upload("\n".join(lines).encode(), {"name": "visits", **form})
    assert found["status"] == "READY", found
    return int(found["id"])


@pytest.fixture
def dataset_id(service: InProcessService) -> int:
    """Visits of 30 patients in three wards; some name no patient."""
    x, noise = np.random.default_rng(1).normal(size=(2, ROWS))
    lines = ["patient,ward,x,y,z"]
    lines += [
        f"{PATIENTS[n]},{n % 3},{x[n]:.6f},{'yn'[int(x[n] + noise[n] > 0)]},{x[n] * 3 + noise[n]:.6f}"
        for n in range(ROWS)
    ]
    return uploaded(service, lines, group_column="patient")


def spec_of(dataset_id: int, **fields: Any) -> dict[str, Any]:
    spec = {"job_type": "TRAIN", "model_name": "m", "model_type": "lightgbm", "dataset_id": dataset_id}
    return {**spec, "target": {"column": "y"}, "features": ["x"], "params": {"n_estimators": 5}, **fields}


def submit(service: InProcessService, spec: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = service.client.post("/api/v1/jobs", json=spec)
    return answer.status_code, answer.get_json()


def model_of(service: InProcessService, spec: dict[str, Any]) -> dict[str, Any]:
    status, job = submit(service, spec)
    assert status == 202, job
    assert job["warnings"] == []
    service.work()
    job = service.get(f"/jobs/{job['id']}")
    assert job["status"] == "COMPLETED", job
    found: dict[str, Any] = service.get(f"/models/{job['result']['model_id']}")
    return found


@pytest.mark.parametrize("model_type", ["lightgbm", "hist_gradient_boosting", "ridge"])
def test_no_patient_is_predicted_by_a_model_that_has_seen_that_one(
    service: InProcessService, dataset_id: int, model_type: str
) -> None:
    fields: dict[str, Any] = {"model_type": model_type, "keep_out_of_fold": True, "params": {}}
    if model_type != "ridge":
        fields |= {"params": {"n_estimators": 8}, "early_stopping_rounds": 2, "class_balance": "weights"}
    for target in ("y", "z"):
        if target == "z":
            fields.pop("class_balance", None)
        spec = spec_of(
            dataset_id, **fields, target={"column": target}, validation={"method": "group_k_fold", "splits": 4}
        )
        model = model_of(service, spec)
        assert model["details"]["rows"] == {"train": 228, "held_out": 228, "dropped": 12, "not_covered": 0, "purged": 0}
        assert len(model["scores"]["splits"]) == 4
        kept = service.get(f"/models/{model['id']}/out-of-fold")
        split = pd.DataFrame(read_parquet(download(service, kept["id"]))).set_index("row")["split"]
        assert sorted(split.index) == [row for row in range(ROWS) if PATIENTS[row]]
        assert all(split.groupby([PATIENTS[row] for row in split.index]).nunique() == 1)
    assert service.violations() == []


def test_one_holdout_of_wards_although_the_data_set_has_another_group(
    service: InProcessService, dataset_id: int
) -> None:
    validation = {"method": "group_holdout", "group_column": "ward", "test_size": 0.3}
    status, checked = submit(service, spec_of(dataset_id, validation=validation))
    assert (status, checked["spec"]["validation"]) == (202, validation)
    service.work()
    [model] = service.get("/models")["items"]
    rows = service.get(f"/models/{model['id']}")["details"]["rows"]
    assert rows == {"train": 160, "held_out": 80, "dropped": 0, "not_covered": 0, "purged": 0}, "one ward of three"


@pytest.mark.parametrize(
    ("validation", "pointer", "word"),
    [
        ({"method": "group_k_fold", "splits": 4, "group_column": "ward"}, "/validation/splits", "3 groups of column"),
        ({"method": "group_holdout", "group_column": "nowhere"}, "/validation/group_column", "no column"),
        ({"method": "group_holdout", "group_column": "y"}, "/validation/group_column", "is the target"),
        ({"method": "group_holdout", "groups": "ward"}, "/validation/groups", "unknown field"),
        ({"method": "group_k_fold", "test_size": 0.2}, "/validation/test_size", "unknown field"),
    ],
)
def test_what_cannot_be_split_is_refused(
    service: InProcessService, dataset_id: int, validation: dict[str, Any], pointer: str, word: str
) -> None:
    for path in ("/api/v1/jobs", "/api/v1/jobs?dry_run=true"):
        answer = service.client.post(path, json=spec_of(dataset_id, validation=validation))
        assert answer.status_code == 422
        [error] = answer.get_json()["errors"]
        assert error["pointer"] == pointer
        assert word in error["detail"]


def test_each_seed_is_checked_since_it_decides_which_groups_are_held_out(service: InProcessService) -> None:
    """One class is in one group only: a seed that holds this group out cannot train."""
    lines = ["g,x,y", *(f"g{n % 3},{n},{'rare' if n % 3 == 2 and n % 2 else 'often'}" for n in range(60))]
    dataset_id = uploaded(service, lines, group_column="g")
    spec = spec_of(dataset_id, validation={"method": "group_holdout", "test_size": 0.3})
    answers = [submit(service, {**spec, "random_state": seed}) for seed in range(12)]
    assert {status for status, _ in answers} == {202, 422}
    for status, body in answers:
        if status == 422:
            assert body["errors"][0]["pointer"] == "/validation"
            assert "one class only" in body["errors"][0]["detail"]
    service.work()
    assert {job["status"] for job in service.get("/jobs?job_type=TRAIN")["items"]} == {"COMPLETED"}


def test_a_study_compares_its_trials_on_the_same_groups(service: InProcessService, dataset_id: int) -> None:
    train = {name: value for name, value in spec_of(dataset_id).items() if name not in ("job_type", "model_name")}
    train |= {"validation": {"method": "group_k_fold", "splits": 3}}
    search = {"/params/num_leaves": {"choices": [3, 7]}}
    study = {"job_type": "TUNE", "model_name": "tuned", "train": train, "search": search, "sampler": "grid"}
    status, job = submit(service, {**study, "metric": "roc_auc"})
    assert status == 202, job
    service.work()
    job = service.get(f"/jobs/{job['id']}")
    assert job["status"] == "COMPLETED", job
