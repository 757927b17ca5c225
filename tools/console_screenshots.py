"""`make console-screenshots`: a picture of every page of the console, from a real service with data of each kind."""

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, expect

from tests.support.browser import new_context, running_browser
from tests.support.stack_process import start_stack

ROOT = Path(__file__).parents[1]
CUSTOMERS, NEW_CUSTOMERS = (ROOT / "docs" / "data" / name for name in ("customers.csv", "new_customers.csv"))
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
SEARCH = {
    "/params/num_leaves": {"low": 7, "high": 63},
    "/params/learning_rate": {"low": 0.01, "high": 0.3, "log": True},
}
ADDRESSES = {
    "overview": "/",
    "jobs": "/jobs",
    "job": "/jobs/{job}",
    "new-job": "/jobs/new?dataset_id={dataset}&target=left",
    "data-sets": "/datasets",
    "data-set": "/datasets/{dataset}",
    "new-data-set": "/datasets/new",
    "models": "/models",
    "model": "/models/{model}",
    "model-curves": "/models/{model}?tab=curves",
    "compare": "/compare?ids=1,2",
    "comparison": "/comparisons/1",
    "test": "/tests/1",
    "prediction": "/predictions/{prediction}",
    "explanation": "/explanations/{explanation}",
    "study": "/studies/{study}",
    "drift": "/drift/{drift_report}",
    "workers": "/fleet",
    "access": "/access",
    "runbook": "/runbook.html",
}


def main() -> int:
    """Write the pictures into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    with (
        tempfile.TemporaryDirectory() as directory,
        start_stack(Path(directory) / "data", "--sample") as stack,
        running_browser() as browser,
    ):
        stack.wait_until_ready()
        with httpx.Client(base_url=stack.urls[0], timeout=120, trust_env=False) as api:
            ids = filled(api)
        url = stack.urls[0].removesuffix("/api/v1")
        draw(browser, url, ids, folder, ADDRESSES)
        draw(browser, url, ids, folder, {"job-dark": ADDRESSES["job"]}, color_scheme="dark")
        draw(browser, url, ids, folder, {"model-narrow": ADDRESSES["model"]}, viewport=NARROW)
        draw(browser, url, ids, folder, {"overview-german": "/"}, locale="de-DE")
    return 0


def filled(api: httpx.Client) -> dict[str, int]:
    """One thing of each kind; their ids."""
    dataset, new = (_upload(api, path) for path in (CUSTOMERS, NEW_CUSTOMERS))
    train = {
        "model_type": "lightgbm",
        "dataset_id": dataset,
        "target": {"column": "left"},
        "exclude_features": ["customer_id"],
    }
    job = _run(api, {"job_type": "TRAIN", "model_name": "churn", **train})
    ids = {"dataset": dataset, "job": int(job["id"]), "model": int(job["result"]["model_id"])}
    using = {"model_id": ids["model"], "dataset_id": new}
    jobs: list[dict[str, Any]] = [
        {"job_type": "PREDICT", **using, "keep": ["customer_id"]},
        {"job_type": "EXPLAIN", **using, "dataset_id": dataset},
        {"job_type": "DRIFT", **using},
        {
            "job_type": "TUNE",
            "model_name": "churn",
            "metric": "roc_auc",
            "trials": 20,
            "search": SEARCH,
            "train": train,
        },
    ]
    for spec in jobs:
        for name, found in _run(api, spec)["result"].items():
            if found is not None:
                ids[name.removesuffix("_id")] = found
    return ids


def draw(
    browser: Browser, url: str, ids: dict[str, int], folder: Path, addresses: dict[str, str], **options: Any
) -> None:
    """Pictures of the addresses, in a profile with these options."""
    context = new_context(browser, url, **{"viewport": WIDE, **options})
    page = context.new_page()
    for name, address in addresses.items():
        page.goto(f"/console{address.format(**ids)}")
        page.locator("main h1").first.wait_for()
        expect(page.get_by_text(re.compile("Loading …|Wird geladen …"))).to_have_count(0)
        page.wait_for_timeout(800)  # a form asks the service after a pause
        page.screenshot(path=folder / f"console-{name}.png", full_page=True)
        sys.stdout.write(f"console-{name}.png\n")
    context.close()


def _upload(api: httpx.Client, path: Path) -> int:
    name = re.sub(r"\W", "-", path.stem)
    with path.open("rb") as file:
        answer = api.post("/datasets?wait=60", files={"file": (path.name, file)}, data={"name": name})
    return int(answer.raise_for_status().json()["id"])


def _run(api: httpx.Client, spec: dict[str, Any]) -> dict[str, Any]:
    job: dict[str, Any] = api.post("/jobs", json=spec).raise_for_status().json()
    while job["status"] in ("PENDING", "RUNNING"):
        job = api.get(f"/jobs/{job['id']}?wait=60").raise_for_status().json()
    if job["status"] != "COMPLETED":
        raise SystemExit(f"job {job['id']} is {job['status']}: {job['error']}")
    return job


if __name__ == "__main__":
    sys.exit(main())
