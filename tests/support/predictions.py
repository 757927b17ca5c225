"""A data set with every kind of column, models trained on it, and predictions as their users read them."""

import csv
import io
import json
from typing import Any
from zipfile import ZipFile

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from tests.support.in_process_service import PREFIX, InProcessService, strict

HEADERS = {"Content-Type": "application/json"}
KEPT = ["note", "when", "shop", "stage", "plan", "vip", "spend", "age"]


def customers(rows: int = 1_200, *, seed: int = 1, plans: str = "abc") -> pd.DataFrame:
    """Customers: missing values where a column may have them, and free text that a CSV reader must not mistake."""
    rng = np.random.default_rng(seed)
    spend = rng.normal(100.0, 40.0, rows)
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2026-01-01", periods=rows, freq="h", tz="UTC"),
            "shop": rng.choice(["north", "south"], rows),
            "stage": rng.integers(1, 4, rows),
            "age": rng.integers(18, 90, rows),
            "plan": rng.choice(list(plans), rows),
            "spend": spend,
            "vip": rng.choice([True, False], rows),
            "note": [f'=SUM(1), "quoted"\nline {number}' for number in range(rows)],
        }
    )
    frame["left"] = np.where(frame["age"] + spend / 3 + 20 * (frame["plan"] == "a") > 90, "Yes", "No")
    frame["paid"] = np.round(spend * 1.7 + frame["age"], 3)
    for number, name in enumerate(["spend", "plan", "vip", "note"]):
        frame[name] = frame[name].astype(object).where(np.arange(rows) % (11 + number) != 3, None)
    frame["spend"] = frame["spend"].astype(float)
    return frame


def as_csv(frame: pd.DataFrame) -> bytes:
    """The frame as users save it, with times that every reader understands."""
    text = frame.assign(when=frame["when"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    return text.to_csv(index=False).encode()


def add(service: InProcessService, frame: pd.DataFrame, *, name: str = "customers") -> int:
    """A READY data set; its id."""
    roles = {"time_column": "when", "group_column": "shop", "phase_column": "stage"}
    shown = service.upload(as_csv(frame), {"name": name, **roles})
    assert shown["status"] == "READY", shown["reasons"]
    return int(shown["id"])


def submit(service: InProcessService, **spec: Any) -> tuple[int, Any]:
    """(status, body) of a submission."""
    status, _, body = service.post(json.dumps(spec).encode(), HEADERS)
    return status, strict(body)


def run(service: InProcessService, **spec: Any) -> dict[str, Any]:
    """A job that is accepted and completes; the job."""
    status, job = submit(service, **spec)
    assert status == 202, job
    service.work()
    done: dict[str, Any] = service.get(f"/jobs/{job['id']}")
    assert done["status"] == "COMPLETED", done["error"]
    return done


def train(service: InProcessService, dataset_id: int, **fields: Any) -> int:
    """A model of who leaves; its id."""
    spec = {
        "job_type": "TRAIN",
        "model_name": "churn",
        "model_type": "lightgbm",
        "dataset_id": dataset_id,
        "target": {"column": "left"},
        "exclude_features": ["paid"],
        "params": {"n_estimators": 20},
        **fields,
    }
    return int(run(service, **spec)["result"]["model_id"])


def predict(service: InProcessService, **spec: Any) -> dict[str, Any]:
    """A prediction, as the API shows it."""
    prediction_id = run(service, job_type="PREDICT", **spec)["result"]["prediction_id"]
    found: dict[str, Any] = service.get(f"/predictions/{prediction_id}")
    return found


def download(service: InProcessService, prediction_id: int) -> bytes:
    """The file of a prediction."""
    status, data = service.ask(f"/predictions/{prediction_id}/download")
    assert status == 200, data
    return data


def read_parquet(data: bytes) -> dict[str, list[Any]]:
    """The columns of a Parquet file, in order."""
    columns: dict[str, list[Any]] = pq.read_table(io.BytesIO(data)).to_pydict()
    return columns


def read_csv(data: bytes) -> dict[str, list[str]]:
    """The columns of an RFC 4180 file, in order, as text."""
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)
    return {name: [row[number] for row in rows] for number, name in enumerate(header)}


def manifest_and_booster(service: InProcessService, model_id: int) -> tuple[dict[str, Any], lgb.Booster]:
    """What a user finds in the file of a LightGBM model."""
    answer = service.client.get(f"{PREFIX}/models/{model_id}/download")
    with ZipFile(io.BytesIO(answer.data)) as archive:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
        return manifest, lgb.Booster(model_str=archive.read("model.txt").decode())


def plain_matrix(frame: pd.DataFrame, manifest: dict[str, Any]) -> Any:
    """The matrix that a data scientist would write by hand: codes of categories, 0 and 1, NaN for what is missing."""
    columns = []
    for feature in manifest["schema"]["features"]:
        values = frame[feature["name"]]
        if feature["kind"] == "category":
            codes = {word: float(code) for code, word in enumerate(feature["categories"])}
            values = values.map(lambda word, codes=codes: codes.get(word, np.nan))
        columns.append(pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64))
    return np.column_stack(columns)
