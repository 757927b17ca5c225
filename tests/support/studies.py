"""A small data set for studies, and the studies on it."""

from typing import Any

import numpy as np

from tests.support.in_process_service import PREFIX, InProcessService

COMMON: dict[str, Any] = {
    "model_type": "logistic_regression",
    "dataset_id": 1,
    "target": {"column": "y"},
    "validation": {"method": "cross_validation", "splits": 2},
}
SEARCH: dict[str, Any] = {"/params/C": {"low": 1e-4, "high": 100.0, "log": True}}


def rows_csv(rows: int = 120, *, seed: int = 1) -> bytes:
    """Two numeric features, one text feature, and a binary target that depends on them, with noise."""
    draw = np.random.default_rng(seed)
    a, b = draw.normal(size=rows), draw.normal(size=rows)
    kind = draw.choice(["red", "green", "blue"], size=rows)
    chance = 1 / (1 + np.exp(-(1.5 * a - b + (kind == "red"))))
    y = (draw.random(rows) < chance).astype(int)
    lines = [f"{a[row]:.6f},{b[row]:.6f},{kind[row]},{y[row]}" for row in range(rows)]
    return ("a,b,kind,y\n" + "\n".join(lines) + "\n").encode()


def study(**fields: Any) -> dict[str, Any]:
    """The spec of a small study; `train` and `search` are added to the common ones unless they are given whole."""
    spec: dict[str, Any] = {
        "job_type": "TUNE",
        "model_name": "tuned",
        "train": {**COMMON, **fields.pop("train", {})},
        "search": fields.pop("search", SEARCH),
        "metric": "roc_auc",
        "trials": 6,
        "generation": 3,
    }
    return {**spec, **fields}


def submit(service: InProcessService, **fields: Any) -> tuple[int, Any]:
    """(status, body) of the answer to a study."""
    answer = service.client.post(f"{PREFIX}/jobs", json=study(**fields))
    return answer.status_code, answer.get_json()


def run(service: InProcessService, **fields: Any) -> dict[str, Any]:
    """Submit a study, run it to its end, and return its job."""
    status, body = submit(service, **fields)
    assert status == 202, body
    service.work()
    found: dict[str, Any] = service.get(f"/jobs/{body['id']}")
    return found


def trials_of(service: InProcessService, study_id: int) -> list[dict[str, Any]]:
    """Every trial of a study, page by page."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = service.get(f"/studies/{study_id}/trials?limit=2{cursor}")
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"
