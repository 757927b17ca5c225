"""Predictions from the upload to the file in the user's hands, on both databases."""

import base64
import hashlib
import io
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml_training.maintenance.sweep import sweep_storage_once
from ml_training.services import store_jobs
from ml_training.services import submit as submission
from tests.support.forms import form_request
from tests.support.in_process_service import PREFIX, InProcessService
from tests.support.predictions import (
    KEPT,
    add,
    customers,
    download,
    manifest_and_booster,
    plain_matrix,
    predict,
    read_csv,
    read_parquet,
    run,
    submit,
    train,
)


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """The service over an empty database."""
    with InProcessService(tmp_path / "data", database_url) as service:
        yield service


def alias(service: InProcessService, model_id: int, *names: str) -> None:
    """Let these aliases point to the model."""
    answer = service.client.patch(f"{PREFIX}/models/{model_id}", json={"aliases": list(names)})
    assert answer.status_code == 200, answer.data


def pointers(answer: tuple[int, Any]) -> list[str]:
    """Where the errors of a refused submission are."""
    assert answer[0] == 422, answer
    return [error["pointer"] for error in answer[1]["errors"]]


def as_rows(frame: pd.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """The rows of a frame as JSON objects; a value that is missing is left out."""
    cells = frame[names].astype(object).to_dict(orient="records")
    return [{name: value for name, value in row.items() if not pd.isna(value)} for row in cells]


def test_a_user_gets_predictions_of_new_data_beside_the_columns_to_keep(service: InProcessService) -> None:
    old, new = customers(), customers(1_300, seed=2, plans="abcd")
    model_id = train(service, add(service, old))
    alias(service, model_id, "champion")
    dataset_id = add(service, new, name="new")
    shown = predict(service, model="churn@champion", dataset_id=dataset_id, keep=KEPT)

    columns = read_parquet(download(service, shown["id"]))
    chances = ["probability_No", "probability_Yes"]
    assert list(columns) == shown["columns"] == ["row", *KEPT, "prediction", *chances]
    assert columns["row"] == list(range(len(new)))
    for name in KEPT:
        there = [None if pd.isna(value) else value for value in new[name]]
        assert columns[name] == there, name

    manifest, booster = manifest_and_booster(service, model_id)
    plain = booster.predict(plain_matrix(new, manifest))
    assert columns["probability_Yes"] == plain.tolist()
    assert columns["probability_No"] == (1.0 - plain).tolist()
    assert columns["prediction"] == np.where(plain > 0.5, "Yes", "No").tolist()

    assert (shown["model_id"], shown["dataset_id"], shown["rows"]) == (model_id, dataset_id, len(new))
    assert shown["unseen_categories"]["plan"] == int((new["plan"] == "d").sum()) > 0
    assert shown["missing"]["spend"] == int(new["spend"].isna().sum()) > 0
    assert shown["missing"]["age"] == 0
    first = service.get(f"/predictions/{shown['id']}/preview?limit=5")["items"]
    assert [row["prediction"] for row in first] == columns["prediction"][:5]
    assert first[3]["spend"] is None
    assert first[0]["when"] == "2026-01-01T00:00:00Z"
    assert service.violations() == []


def test_the_csv_file_says_the_same_as_the_parquet_file(service: InProcessService) -> None:
    dataset_id = add(service, customers(1_300))
    model_id = train(service, dataset_id)
    spec = {"model_id": model_id, "dataset_id": dataset_id, "keep": KEPT}
    columns = read_parquet(download(service, predict(service, **spec)["id"]))
    text = read_csv(download(service, predict(service, **spec, format="csv")["id"]))
    assert list(text) == list(columns)
    written: dict[str, Callable[[Any], str]] = {
        "when": lambda time: time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "vip": lambda flag: str(flag).lower(),
    }
    for name, values in columns.items():
        if isinstance(values[0], float):
            assert [float(cell) if cell else None for cell in text[name]] == values, name  # every digit
        else:
            assert text[name] == ["" if value is None else written.get(name, str)(value) for value in values], name


def test_rows_in_the_request_are_predicted_as_rows_of_a_data_set(service: InProcessService) -> None:
    new = customers(40, seed=3, plans="abz")
    model_id = train(service, add(service, customers()))
    whole = read_parquet(download(service, predict(service, model_id=model_id, dataset_id=add(service, new))["id"]))
    names = ["stage", "age", "plan", "spend", "vip"]
    rows = as_rows(new, names)
    kept = [{**row, "id": f"customer {number}"} for number, row in enumerate(rows)]
    shown = predict(service, model="churn", rows=kept, keep=["id", "age"])
    columns = read_parquet(download(service, shown["id"]))
    assert columns["id"] == [row["id"] for row in kept]
    assert columns["age"] == new["age"].tolist()
    for name in ("row", "prediction", "probability_No", "probability_Yes"):
        assert columns[name] == whole[name], name
    assert shown["dataset_id"] is None
    assert shown["unseen_categories"] == {"plan": int((new["plan"] == "z").sum())}
    job = service.get(f"/jobs/{shown['job_id']}")
    assert (job["dataset_id"], job["model_type"], job["spec"]["model_id"]) == (None, "lightgbm", model_id)
    assert job["spec"]["rows"] == kept
    assert service.get("/jobs")["items"][0]["spec"]["rows"] == [], "a page of jobs stays small"
    assert service.violations() == []


def test_phases_and_times_select_the_rows(service: InProcessService) -> None:
    frame = customers(300)
    dataset_id = add(service, frame)
    model_id = train(service, dataset_id)
    start, end = "2026-01-03T00:00:00Z", "2026-01-06T00:00:00Z"
    shown = predict(service, model_id=model_id, dataset_id=dataset_id, phases=[1, 2], start=start, end=end)
    wanted = frame[frame["stage"].isin([1, 2]) & (frame["when"] >= start) & (frame["when"] < end)]
    assert read_parquet(download(service, shown["id"]))["row"] == wanted.index.tolist()


def test_a_model_with_windows_looks_back_along_the_whole_history(service: InProcessService) -> None:
    frame = customers(300)
    dataset_id = add(service, frame)
    model_id = train(service, dataset_id, feature_engineering={"windows": [3]}, features=["spend", "age"])
    whole = read_parquet(download(service, predict(service, model_id=model_id, dataset_id=dataset_id)["id"]))
    late = predict(service, model_id=model_id, dataset_id=dataset_id, start="2026-01-10T00:00:00Z")
    part = read_parquet(download(service, late["id"]))
    assert part["probability_Yes"] == whole["probability_Yes"][part["row"][0] :]
    given = [
        {**row, "when": row["when"].isoformat(), "id": number}
        for number, row in enumerate(as_rows(frame, ["when", "shop", "spend", "age"]))
    ]
    keep = ["when", "shop", "id"]
    shown = predict(service, model_id=model_id, rows=given, keep=keep)
    columns = read_parquet(download(service, shown["id"]))
    assert columns["probability_Yes"] == whole["probability_Yes"]
    assert columns["when"] == frame["when"].tolist()
    assert columns["shop"] == frame["shop"].tolist()
    wrong = [{**given[0], "when": "yesterday"}, {**given[1], "shop": None}, {"spend": 1.0}, {**given[2], "shop": 1.5}]
    found = pointers(submit(service, job_type="PREDICT", model_id=model_id, rows=wrong, keep=["id"]))
    assert found == ["/rows/2", "/rows/0/when", "/rows/1/shop", "/rows/2", "/rows/3/shop"]


def test_contributions_add_up_to_the_raw_score(service: InProcessService) -> None:
    dataset_id = add(service, customers(300))
    model_id = train(service, dataset_id)
    shown = predict(service, model_id=model_id, dataset_id=dataset_id, contributions=True)
    columns = read_parquet(download(service, shown["id"]))
    names = [name for name in columns if name.startswith("contribution_")]
    assert names[-1] == "contribution_base"
    raw = np.sum([columns[name] for name in names], axis=0)
    assert 1 / (1 + np.exp(-raw)) == pytest.approx(columns["probability_Yes"], rel=1e-9)
    many = train(service, dataset_id, target={"column": "stage"}, model_type="logistic_regression", params={})
    shown = predict(service, model_id=many, dataset_id=dataset_id, contributions=True)
    columns = read_parquet(download(service, shown["id"]))
    sums = np.column_stack(
        [
            np.sum([columns[name] for name in columns if name.startswith(f"contribution_{stage}_")], axis=0)
            for stage in (1, 2, 3)
        ]
    )
    chances = np.column_stack([columns[f"probability_{stage}"] for stage in (1, 2, 3)])
    softmax = np.exp(sums) / np.exp(sums).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax, chances, rtol=1e-9)
    forest = train(service, dataset_id, model_type="random_forest", params={"n_estimators": 5})
    refused = submit(service, job_type="PREDICT", model_id=forest, dataset_id=dataset_id, contributions=True)
    assert pointers(refused) == ["/contributions"]


def test_regression_predicts_in_the_units_of_the_data(service: InProcessService) -> None:
    frame = customers(400)
    dataset_id = add(service, frame)
    of_paid = {"target": {"column": "paid"}, "exclude_features": ["left"], "model_type": "ridge", "params": {}}
    shown = predict(service, model_id=train(service, dataset_id, **of_paid), dataset_id=dataset_id, keep=["paid"])
    columns = read_parquet(download(service, shown["id"]))
    assert list(columns) == ["row", "paid", "prediction"]
    assert np.corrcoef(columns["paid"], columns["prediction"])[0, 1] > 0.9
    assert np.mean(columns["prediction"]) == pytest.approx(np.mean(columns["paid"]), rel=0.1)


def test_intervals_hold_the_values_of_new_rows(service: InProcessService) -> None:
    dataset_id = add(service, customers(500))
    of_paid = {"target": {"column": "paid"}, "exclude_features": ["left"], "model_type": "ridge", "params": {}}
    model_id = train(service, dataset_id, **of_paid)
    fresh = add(service, customers(400, seed=9), name="fresh")
    shown = predict(service, model_id=model_id, dataset_id=fresh, keep=["paid"], interval=0.8)
    columns = read_parquet(download(service, shown["id"]))
    assert list(columns) == ["row", "paid", "prediction", "low", "high"]
    low, paid, high = (np.array(columns[name]) for name in ("low", "paid", "high"))
    inside = np.mean((low <= paid) & (paid <= high))
    assert 0.7 < inside < 0.9
    job = {"job_type": "PREDICT", "dataset_id": fresh, "interval": 0.99}
    few = add(service, customers(60), name="few")
    status, refusal = submit(service, **job, model_id=train(service, few, **of_paid))
    assert (status, refusal["errors"][0]["pointer"]) == (422, "/interval")
    assert "needs 99 held-out rows, and model" in refusal["errors"][0]["detail"]


def test_an_interval_beyond_the_largest_number_is_infinite_in_the_file_and_null_in_the_preview(
    service: InProcessService,
) -> None:
    frame = customers(300)
    frame["paid"] = np.where(np.arange(len(frame)) % 5 == 0, 0.0, 1.7e308)
    dataset_id = add(service, frame)
    of_paid = {"target": {"column": "paid"}, "task": "regression", "model_type": "ridge", "params": {}}
    model_id = train(service, dataset_id, **of_paid, exclude_features=["left"])
    shown = predict(service, model_id=model_id, dataset_id=dataset_id, interval=0.95)
    high = read_parquet(download(service, shown["id"]))["high"]
    assert np.isinf(high).any()
    preview = service.get(f"/predictions/{shown['id']}/preview?limit=200")["items"]
    assert [row["high"] for row in preview] == [value if np.isfinite(value) else None for value in high[:200]]


def test_sets_hold_the_classes_of_new_rows(service: InProcessService) -> None:
    fresh_rows = customers(800, seed=9)
    fresh = add(service, fresh_rows, name="fresh")
    of_stage = {"target": {"column": "stage"}, "exclude_features": ["paid", "left"], "model_type": "extra_trees"}
    dataset_id = add(service, customers(1_000))
    model_id = train(service, dataset_id, **of_stage, validation={"method": "cross_validation", "splits": 4})
    measured = service.get(f"/models/{model_id}")["details"]["prediction_sets"]
    assert [one["confidence"] for one in measured] == [0.8, 0.9, 0.95, 0.99]
    asked = {"model_id": model_id, "dataset_id": fresh, "keep": ["stage"], "interval": 0.8}
    shown = predict(service, **asked)
    columns = read_parquet(download(service, shown["id"]))
    chances = [f"probability_{stage}" for stage in (1, 2, 3)]
    assert list(columns) == shown["columns"] == ["row", "stage", "prediction", *chances, "prediction_set"]
    sets = columns["prediction_set"]
    inside = np.mean([stage in found for stage, found in zip(columns["stage"], sets, strict=True)])
    assert inside == pytest.approx(measured[0]["coverage"], abs=0.06)
    assert np.mean([len(found) for found in sets]) == pytest.approx(measured[0]["mean_size"], abs=0.2)
    preview = service.get(f"/predictions/{shown['id']}/preview?limit=200")["items"]
    assert [row["prediction_set"] for row in preview] == sets[:200]
    as_text = read_csv(download(service, predict(service, **asked, format="csv")["id"]))
    assert [json.loads(text) for text in as_text["prediction_set"]] == sets
    given = predict(service, model_id=model_id, rows=[{"age": 40}, {"age": 60}], interval=0.8, contributions=False)
    assert given["columns"][-1] == "prediction_set"
    refused = submit(service, job_type="PREDICT", **{**asked, "keep": [], "interval": 0.99}, contributions=True)
    assert pointers(refused) == ["/contributions"], "there are enough held-out rows"


def test_sets_without_probabilities_and_of_too_few_rows(service: InProcessService) -> None:
    ridge = train(service, add(service, customers(500)), model_type="ridge", params={})
    fresh = add(service, customers(400, seed=9), name="fresh")
    shown = predict(service, model_id=ridge, dataset_id=fresh, keep=["left"], interval=0.9)
    columns = read_parquet(download(service, shown["id"]))
    assert list(columns) == ["row", "left", "prediction", "prediction_set"]
    inside = np.mean([left in found for left, found in zip(columns["left"], columns["prediction_set"], strict=True)])
    assert 0.84 < inside < 0.97
    few = train(service, add(service, customers(60), name="few"))
    status, refusal = submit(service, job_type="PREDICT", model_id=few, dataset_id=fresh, interval=0.95)
    assert (status, refusal["errors"][0]["pointer"]) == (422, "/interval")
    assert "needs 19 held-out rows, and model" in refusal["errors"][0]["detail"]


def test_everything_that_is_wrong_is_refused_at_once_and_nothing_is_stored(service: InProcessService) -> None:
    frame = customers(200)
    dataset_id = add(service, frame)
    model_id = train(service, dataset_id)
    timeless = service.upload(b"age,prediction\n1,2\n3,4\n", {"name": "timeless"})["id"]
    before = service.get("/jobs")["items"]

    def refused(**spec: Any) -> list[str]:
        return pointers(submit(service, job_type="PREDICT", **spec))

    assert refused() == ["/model_id", "/dataset_id"]
    assert refused(model="nobody@home", dataset_id=10**6) == ["/model", "/dataset_id"]
    assert refused(model="no name", model_id=0, dataset_id=dataset_id, rows=[]) == ["/model", "/model_id", "/rows"]
    assert refused(model="churn", model_id=model_id + 1, dataset_id=dataset_id) == ["/model"]
    assert refused(model="churn", dataset_id=dataset_id, interval=1.9, format="xlsx") == ["/interval", "/format"]
    found = refused(
        model="churn", dataset_id=timeless, start="2026-01-01T00:00:00Z", phases=[1], keep=["agee", "prediction"]
    )
    assert sorted(set(found)) == ["/keep/0", "/keep/1", "/model", "/phases", "/start"]
    given = [{"age": "31", "plann": "b"}, {"vip": 1, "plan": 2}, {"spend": True, "id": 1}, {"id": "one"}]
    wanted = ["/rows/0/age", "/rows/0/plann", "/rows/1/vip", "/rows/1/plan", "/rows/2/spend", "/rows/3/id", "/keep/1"]
    assert refused(model="churn", rows=given, keep=["id", "nowhere"]) == wanted
    assert refused(model="churn", rows=[{"age": 1}], start="2026-01-01T00:00:00Z") == ["/start"]
    _, body = submit(service, job_type="PREDICT", model="churn", rows=[{"plann": "b"}])
    assert "did you mean 'plan'?" in body["errors"][0]["detail"]
    assert service.get("/jobs")["items"] == before


def test_a_column_without_any_value_may_be_of_another_kind(service: InProcessService) -> None:
    frame = customers(200)
    model_id = train(service, add(service, frame))
    dataset_id = add(service, frame.assign(plan=None, vip=None), name="empty")
    shown = predict(service, model_id=model_id, dataset_id=dataset_id)
    assert (shown["missing"]["plan"], shown["missing"]["vip"]) == (200, 200)
    given = predict(service, model_id=model_id, rows=as_rows(frame, ["stage", "age", "spend"]))
    one, other = (read_parquet(download(service, item["id"]))["probability_Yes"] for item in (shown, given))
    assert one == other


def test_a_name_is_looked_up_again_when_the_job_is_stored(
    service: InProcessService, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id = add(service, customers(200))
    first, second = train(service, dataset_id), train(service, dataset_id, random_state=7)
    alias(service, first, "champion")
    check, moves = submission.check_job, itertools.count()

    def moved_meanwhile(*arguments: Any) -> Any:
        checked = check(*arguments)
        if next(moves) == 0:
            alias(service, second, "champion")
        return checked

    monkeypatch.setattr(submission, "check_job", moved_meanwhile)
    _, job = submit(service, job_type="PREDICT", model="churn@champion", dataset_id=dataset_id)
    assert job["spec"]["model_id"] == second


def test_the_same_key_is_the_same_job_although_the_alias_has_moved(service: InProcessService) -> None:
    dataset_id = add(service, customers(200))
    first, second = train(service, dataset_id), train(service, dataset_id, random_state=7)
    alias(service, first, "champion")
    body = json.dumps({"job_type": "PREDICT", "model": "churn@champion", "dataset_id": dataset_id}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "once"}
    _, _, one = service.post(body, headers)
    alias(service, second, "champion")
    _, _, other = service.post(body, headers)
    assert json.loads(one)["id"] == json.loads(other)["id"]
    assert json.loads(other)["spec"]["model_id"] == first


def test_the_model_stays_as_long_as_the_job_needs_it(service: InProcessService) -> None:
    dataset_id = add(service, customers(200))
    model_id = train(service, dataset_id)
    _, job = submit(service, job_type="PREDICT", model="churn", rows=[{"age": 30}])
    assert service.client.delete(f"{PREFIX}/models/{model_id}").status_code == 409
    service.work()
    assert service.get(f"/jobs/{job['id']}")["status"] == "COMPLETED"
    assert service.client.delete(f"{PREFIX}/models/{model_id}").status_code == 204
    assert sweep_storage_once(service.resources, age_seconds=-1.0).removed == 1
    assert service.violations() == []


def test_equal_jobs_share_one_file_that_goes_with_the_last_of_them(service: InProcessService) -> None:
    dataset_id = add(service, customers(200))
    spec = {"model_id": train(service, dataset_id), "dataset_id": dataset_id, "keep": ["note", "plan"]}
    one, other = predict(service, **spec), predict(service, **spec)
    assert one["sha256"] == other["sha256"]
    for gone in (one, other):
        data = download(service, gone["id"])
        assert hashlib.sha256(data).hexdigest() == gone["sha256"]
        assert len(data) == gone["bytes"]
        assert service.client.delete(f"{PREFIX}/predictions/{gone['id']}").status_code == 204
        sweep_storage_once(service.resources, age_seconds=-1.0)
        for path in ("", "/preview", "/download"):
            assert service.ask(f"/predictions/{gone['id']}{path}")[0] == 404
        assert service.client.delete(f"{PREFIX}/predictions/{gone['id']}").status_code == 404
        assert service.violations() == []
    assert service.get("/predictions")["items"] == []
    assert not [key for key, _ in service.resources.storage.list_keys() if key.startswith("predictions/")]


def test_a_download_says_its_hash_and_is_not_sent_twice(service: InProcessService) -> None:
    train(service, add(service, customers(200)))
    shown = predict(service, model="churn", rows=[{"age": 30}], format="csv")
    path = f"{PREFIX}/predictions/{shown['id']}/download"
    answer = service.client.get(path)
    digest = base64.b64encode(bytes.fromhex(shown["sha256"])).decode()
    assert answer.headers["Content-Digest"] == f"sha-256=:{digest}:"
    assert answer.headers["ETag"] == f'"{shown["sha256"]}"'
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="prediction-{shown["id"]}.csv"'
    again = service.client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_damaged_file_is_not_handed_out_and_is_found(service: InProcessService, tmp_path: Path) -> None:
    train(service, add(service, customers(200)))
    shown = predict(service, model="churn", rows=[{"age": 30}])
    [file] = (tmp_path / "data" / "storage" / "predictions").glob("??/*")
    data = bytearray(file.read_bytes())
    data[10] ^= 1
    file.write_bytes(data)
    assert service.ask(f"/predictions/{shown['id']}/download")[0] == 503
    assert any(f"the bytes of prediction {shown['id']} are damaged" in line for line in service.violations())


def test_a_kept_text_comes_from_the_bytes_that_were_uploaded_or_not_at_all(
    service: InProcessService, tmp_path: Path
) -> None:
    dataset_id = add(service, customers(1_300))
    model_id = train(service, dataset_id)
    spec = {"job_type": "PREDICT", "model_id": model_id, "dataset_id": dataset_id}
    [upload] = (tmp_path / "data" / "storage" / "uploads").glob("??/*")
    upload.write_bytes(upload.read_bytes().replace(b"quoted", b"forged"))
    run(service, **spec)  # the index is whole
    _, job = submit(service, **spec, keep=["note"])
    service.work()
    assert service.get(f"/jobs/{job['id']}")["error"]["code"] == "dataset_changed"


def test_text_of_a_parquet_file_is_kept_as_it_is(service: InProcessService) -> None:
    frame = customers(12_000).rename(columns={"note": "a.b"})
    frame["a"] = "constant"
    frame["vip"], frame["plan"] = frame["vip"].astype("boolean"), frame["plan"].astype("category")
    file = io.BytesIO()
    frame.to_parquet(file, index=False)
    form = {"name": "typed", "time_column": "when", "file": (io.BytesIO(file.getvalue()), "data.parquet")}
    answer = service.client.post(PREFIX + "/datasets", **form_request(form))
    service.work()
    dataset_id = json.loads(answer.data)["id"]
    kinds = {item["name"]: item["kind"] for item in service.get(f"/datasets/{dataset_id}")["profile"]["columns"]}
    assert kinds["a.b"] == "text"
    model_id = train(service, dataset_id)
    late = predict(service, model_id=model_id, dataset_id=dataset_id, keep=["a.b"], start="2026-12-01T00:00:00Z")
    columns = read_parquet(download(service, late["id"]))
    assert columns["a.b"] == [None if pd.isna(text) else text for text in frame["a.b"][columns["row"][0] :]]


def test_a_batch_stores_what_it_can(service: InProcessService) -> None:
    dataset_id = add(service, customers(200))
    train(service, dataset_id)
    good = {"job_type": "PREDICT", "model": "churn", "dataset_id": dataset_id}
    bad = {"job_type": "PREDICT", "model": "churn@nobody", "dataset_id": dataset_id}
    answer = service.client.post(f"{PREFIX}/jobs/batch", json={"jobs": [good, bad, {**good, "rows": [{}]}]})
    items = json.loads(answer.data)["items"]
    assert [item["status"] for item in items] == [202, 422, 422]
    assert [error["pointer"] for error in items[1]["errors"]] == ["/model"]
    service.work()
    assert len(service.get("/predictions")["items"]) == 1


def test_a_name_that_keeps_changing_is_a_conflict(service: InProcessService, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_id = add(service, customers(200))
    train(service, dataset_id)
    monkeypatch.setattr(store_jobs, "current_models", lambda *_: {"churn": 0})
    status, body = submit(service, job_type="PREDICT", model="churn", dataset_id=dataset_id)
    assert (status, "keeps changing" in body["detail"]) == (409, True)


@pytest.mark.parametrize(
    "validation",
    [
        {"method": "cross_validation", "splits": 3},
        {"method": "holdout", "test_size": 0.3},
        {"method": "time_series", "splits": 3},
    ],
    ids=lambda validation: validation["method"],
)
def test_a_training_keeps_what_it_said_about_the_rows_it_did_not_see(
    service: InProcessService, validation: dict[str, Any]
) -> None:
    frame = customers(400)
    dataset_id = add(service, frame)
    model_id = train(service, dataset_id, validation=validation, keep_out_of_fold=True)
    shown = service.get(f"/models/{model_id}/out-of-fold")
    assert shown == service.get(f"/predictions/{shown['id']}")
    assert (shown["model_id"], shown["dataset_id"]) == (model_id, dataset_id)
    columns = pd.DataFrame(read_parquet(download(service, shown["id"])))
    assert list(columns) == ["row", "split", "target", "prediction", "probability_No", "probability_Yes"]
    assert columns["row"].is_monotonic_increasing
    assert columns["row"].is_unique
    assert columns["target"].tolist() == frame["left"][columns["row"]].tolist()
    model = service.get(f"/models/{model_id}")
    assert len(columns) == model["details"]["rows"]["held_out"]
    scores = model["scores"].get("splits", [model["scores"]])
    for number, part in columns.groupby("split"):
        right = (part["target"] == part["prediction"]).mean()
        assert scores[number - 1]["held_out"]["accuracy"] == pytest.approx(right)
    assert service.get(f"/predictions/{shown['id']}/preview?limit=3")["items"][0]["row"] == columns["row"][0]
    assert service.violations() == []


def test_a_training_keeps_nothing_unless_it_is_asked_to(service: InProcessService) -> None:
    dataset_id = add(service, customers(200))
    model_id = train(service, dataset_id)
    assert service.ask(f"/models/{model_id}/out-of-fold")[0] == 404
    assert service.get("/predictions")["items"] == []
    of_paid = {"target": {"column": "paid"}, "exclude_features": ["left"], "model_type": "ridge", "params": {}}
    kept = train(service, dataset_id, **of_paid, keep_out_of_fold=True)
    shown = service.get(f"/models/{kept}/out-of-fold")
    assert shown["columns"] == ["row", "split", "target", "prediction"]
    assert service.client.delete(f"{PREFIX}/predictions/{shown['id']}").status_code == 204
    assert service.ask(f"/models/{kept}/out-of-fold")[0] == 404
