"""The search by the beginning of a name: what it finds, in which order, page by page, on both databases."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from ml_training.db.engine import Database
from ml_training.db.tables import jobs
from tests.support.in_process_service import PREFIX, InProcessService
from tests.support.jobs import store_dataset, store_job
from tests.support.studies import rows_csv, run

NAMES = ("churn", "Churn", "CHURN-2", "churn.2", "churn_2", "churn2", "chur", "c", "churnx", "x", "Z9", "0", "churn")
LISTS = ("jobs", "datasets")


@pytest.fixture
def service(database: Database, database_url: str, tmp_path: Path) -> Iterator[InProcessService]:
    """A service with a job and a data set under each of NAMES."""
    with InProcessService(tmp_path / "data", database_url) as service:
        for name in NAMES:
            dataset_id = store_dataset(database, name=name)
            store_job(database, dataset_id=dataset_id, spec={"job_type": "TRAIN", "model_name": name})
        yield service


def found(service: InProcessService, path: str, limit: int = 4) -> list[tuple[str, int]]:
    """(name, id) of every item of a list, page by page."""
    items: list[tuple[str, int]] = []
    cursor = ""
    while True:
        page = service.get(f"/{path}&limit={limit}{cursor}")
        items += [(item.get("name") or item["spec"]["model_name"], item["id"]) for item in page["items"]]
        if page["next_cursor"] is None:
            return items
        assert len(page["items"]) == limit
        cursor = f"&cursor={page['next_cursor']}"


def expected(beginning: str) -> list[tuple[str, int]]:
    """What a reader of the documentation expects; the rows have the ids 1, 2, 3, ..."""
    named = [(name, number) for number, name in enumerate(NAMES, 1) if name.lower().startswith(beginning.lower())]
    return sorted(named, key=lambda item: (item[0].lower(), -item[1]))


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 4, 200])
def test_names_are_found_by_their_beginning_in_any_case(service: InProcessService, path: str, limit: int) -> None:
    for beginning in ("c", "C", "churn", "cHuRn", "churn-", "churn.", "churn_", "churn2", "churnxx", "0", "z", "hurn"):
        assert found(service, f"{path}?q={beginning}", limit) == expected(beginning), beginning


@pytest.mark.parametrize("path", LISTS)
def test_signs_of_a_pattern_mean_themselves_and_spaces_around_nothing(service: InProcessService, path: str) -> None:
    assert found(service, f"{path}?q=%20churn_%20") == [("churn_2", NAMES.index("churn_2") + 1)]
    for nothing in (
        "%25",
        "c%25",
        "churn%25",
        "c_urn",
        "_",
        "churn%209",
        "ch*",
        "%5C",
        "%C3%A4",
        "%E2%84%AA",
        "~",
        "'",
    ):
        assert found(service, f"{path}?q={nothing}") == [], nothing
    long = "c" * 100
    assert found(service, f"{path}?q={long}") == []


@pytest.mark.parametrize("path", [*LISTS, "models", "studies"])
def test_what_is_no_text_to_search_for_is_refused(service: InProcessService, path: str) -> None:
    def pointers(query: str) -> list[str]:
        answer = service.client.get(f"{PREFIX}/{path}?{query}")
        assert answer.status_code == 422, (query, answer.data)
        return [error["pointer"] for error in answer.json["errors"]]

    for wrong in ("", "%20", "c" * 101, "a%00", "a%0Ab", "a%1Bb", "a%7Fb", "a%E2%80%AEb"):
        assert pointers(f"q={wrong}") == ["/q"], wrong
    assert pointers("q=a&q=b") == ["/q"]
    for cursor in ("7", "churn", "churn:", ":7", "churn:0", "churn:x", "churn:-1", "x:7", "churn:1:", "churn :7"):
        assert pointers(f"q=c&cursor={cursor}") == ["/cursor"], cursor
    if path != "studies":
        assert pointers("q=c&sort=oldest") == ["/sort"]
        assert pointers("q=c&name=c") == ["/q", "/name"]
    if path == "jobs":
        assert pointers("q=c&job_type=TRAIN") == ["/q", "/job_type"]


def test_jobs_are_found_by_name_and_status(service: InProcessService, database: Database) -> None:
    def set_status(job_id: int, **values: Any) -> None:
        with database.write() as connection:
            connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))

    service.client.post(f"{PREFIX}/jobs/1/cancel")
    # A study whose trials run is PENDING in the database and shown as RUNNING.
    set_status(2, open_children=1)
    ids = {
        status: [job_id for _, job_id in found(service, f"jobs?q=churn&status={status}")]
        for status in ("CANCELLED", "RUNNING", "PENDING", "FAILED")
    }
    others = [job_id for _, job_id in expected("churn") if job_id not in (1, 2)]
    assert ids == {"CANCELLED": [1], "RUNNING": [2], "PENDING": others, "FAILED": []}
    assert found(service, "jobs?q=churn") == expected("churn")


def test_deleted_data_sets_and_models_and_the_jobs_of_studies_are_not_found(database_url: str, tmp_path: Path) -> None:
    with InProcessService(tmp_path / "data", database_url) as service:
        dataset = service.upload(rows_csv(), {"name": "Rows"})
        first = run(service, model_name="Tuned")
        assert first["status"] == "COMPLETED", first["error"]
        assert found(service, "jobs?q=tu") == [("Tuned", first["id"])]
        [study] = service.get("/studies?q=TUN")["items"]
        assert (study["model_name"], study["id"]) == ("Tuned", first["result"]["study_id"])
        assert service.get("/studies?q=x")["items"] == []
        [(name, model_id)] = found(service, "models?q=tUnEd&model_type=logistic_regression")
        assert name == "Tuned"
        assert found(service, "models?q=tuned&model_type=ridge") == []
        assert service.client.delete(f"{PREFIX}/models/{model_id}").status_code == 204
        assert found(service, "models?q=tuned") == []
        assert found(service, "datasets?q=ro&status=READY") == [("Rows", dataset["id"])]
        assert service.client.delete(f"{PREFIX}/datasets/{dataset['id']}").status_code == 204
        assert found(service, "datasets?q=ro") == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(beginning=st.text(st.sampled_from("churnCHURN-_.29xzZ0%\\'~ "), min_size=1, max_size=6), limit=st.integers(1, 5))
def test_any_text_finds_what_begins_with_it(service: InProcessService, beginning: str, limit: int) -> None:
    if wanted := beginning.strip():
        answer = service.client.get(f"{PREFIX}/datasets", query_string={"q": beginning, "limit": limit}).json
        assert [(item["name"], item["id"]) for item in answer["items"]] == expected(wanted)[:limit]
