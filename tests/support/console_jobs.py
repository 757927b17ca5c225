"""What tests of the console do with jobs through the API, and with files that pages save."""

from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Locator, Page


def train(api: httpx.Client, **fields: Any) -> int:
    """Submit a TRAIN job on the sample data; returns its id."""
    spec = {
        "job_type": "TRAIN",
        "model_name": "browser",
        "model_type": "lightgbm",
        "dataset_id": 1,
        "target": {"column": "target"},
    }
    answer = api.post("/jobs", json=spec | fields)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["id"])


def finished(api: httpx.Client, spec: dict[str, object]) -> dict[str, int]:
    """The result of a job that completes."""
    answer = api.post("/jobs", json=spec)
    assert answer.status_code == 202, answer.text
    job = api.get(f"/jobs/{answer.json()['id']}?wait=60").json()
    assert job["status"] == "COMPLETED", job["error"]
    return dict(job["result"])


def downloaded(page: Page, button: Locator) -> Path:
    """The file that a button saves."""
    with page.expect_download() as download:
        button.click()
    return Path(download.value.path())
