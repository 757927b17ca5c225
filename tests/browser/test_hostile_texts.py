"""Names, labels, categories, errors and descriptions that look like scripts: shown as text on every page."""

import csv
import io
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Problems
from tests.support.hostile_texts import PAYLOADS

PAGES = Path(__file__).parents[2] / "ml_training" / "console" / "pages" / "routes.js"
MARKUP = "main script, main iframe, main object, main embed, main [onerror], main [onload]"
PATTERN = re.compile(r'^  \["([^"]+)"', re.MULTILINE)


def hostile_table() -> bytes:
    """Payloads as names of columns, as categories and as labels of the target."""
    text = io.StringIO()
    writer = csv.writer(text)
    half = len(PAYLOADS) // 2
    writer.writerow(["label", "number", *PAYLOADS[:half]])
    for row in range(400):
        label = PAYLOADS[half + row % 4]
        writer.writerow([label, row % 17, *(PAYLOADS[(row + place) % len(PAYLOADS)] for place in range(half))])
    return text.getvalue().encode()


def filled(api: httpx.Client) -> dict[str, int]:
    """One thing of each kind with hostile texts in it; their ids by the word that routes use."""
    answer = api.post("/datasets?wait=60", files={"file": ("x.csv", hostile_table())}, data={"name": "hostile"})
    assert answer.json()["status"] == "READY", answer.text
    dataset_id = answer.json()["id"]
    train = {"job_type": "TRAIN", "model_type": "lightgbm", "dataset_id": dataset_id, "target": {"column": "label"}}
    models = [run(api, train | {"model_name": f"hostile-{kind}", "model_type": kind}) for kind in ("lightgbm", "ridge")]
    ids = [job["result"]["model_id"] for job in models]
    assert api.patch(f"/models/{ids[0]}", json={"description": "".join(PAYLOADS)[:2000]}).is_success
    data = {"dataset_id": dataset_id}
    compare = run(api, data | {"job_type": "COMPARE", "model_ids": ids, "metric": "f1"})
    test = run(api, data | {"job_type": "TEST", "model_id": ids[0]})
    predict = run(api, data | {"job_type": "PREDICT", "model_id": ids[0], "keep": [PAYLOADS[0], PAYLOADS[1]]})
    explain = run(api, data | {"job_type": "EXPLAIN", "model_id": ids[0]})
    drift = run(api, data | {"job_type": "DRIFT", "model_id": ids[0]})
    search = {"/params/learning_rate": {"low": 0.01, "high": 0.3}}
    tune = {"job_type": "TUNE", "model_name": "hostile-study", "metric": "f1", "trials": 2, "search": search}
    study = run(api, tune | {"train": {key: value for key, value in train.items() if key != "job_type"}})
    return {
        "jobs": models[0]["id"],
        "datasets": dataset_id,
        "models": ids[0],
        "comparisons": compare["result"]["comparison_id"],
        "tests": test["result"]["test_result_id"],
        "predictions": predict["result"]["prediction_id"],
        "drift": drift["result"]["drift_report_id"],
        "explanations": explain["result"]["explanation_id"],
        "studies": study["result"]["study_id"],
    }


def run(api: httpx.Client, spec: dict[str, object]) -> dict[str, dict[str, int]]:
    """Submit a job and wait for its end."""
    answer = api.post("/jobs", json=spec)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]
    for _ in range(5):
        job = api.get(f"/jobs/{job_id}?wait=60").json()
        if job["status"] not in ("PENDING", "RUNNING"):
            break
    assert job["status"] == "COMPLETED", job
    return dict(job)


def addresses(ids: dict[str, int]) -> list[str]:
    """Every page of the console, with the hostile thing where a route has an id, and payloads in the query."""
    found = []
    for pattern in PATTERN.findall(PAGES.read_text(encoding="utf-8")):
        if ":" not in pattern:
            found += [pattern, f"{pattern}?q={PAYLOADS[1]}&status={PAYLOADS[2]}&tab={PAYLOADS[3]}&from={ids['jobs']}"]
        elif (noun := pattern.split("/")[1]) in ids:
            found.append(re.sub(r":\w+", str(ids[noun]), pattern))
    return [*found, f"/compare?ids={ids['models']},1", f"/{PAYLOADS[1]}"]


@pytest.mark.browser
@pytest.mark.slow
def test_no_text_becomes_a_script_on_any_page(page: Page, api: httpx.Client, problems: Problems) -> None:
    # Wrong filters are refused by the API, and an unknown address may be no address at all.
    problems.expected = ("422: GET", "404: GET", "400: GET")
    ids = filled(api)
    for address in addresses(ids):
        page.goto(f"/console{address}")
        expect(page.locator("main h1").first).to_be_visible()
        page.wait_for_load_state("load")
        for tab in page.get_by_role("tab").all():
            tab.click()
        assert page.evaluate("window.fired") is None, address
        assert page.locator(MARKUP).count() == 0, address
