"""A refresh asks the origin again: the next version if the rows have changed, else the version that there is."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml_training.execution.handlers import HANDLERS
from ml_training.execution.run_job import run_next
from ml_training.sources.sources import Sources
from tests.support.in_process_service import PREFIX
from tests.support.postgres import PostgresServer
from tests.support.warehouse import SourcedService, Warehouse, sources, warehouse_of
from tests.support.wiring import SLOW, make_worker_context

ROWS = "SELECT id, amount FROM orders"


@pytest.fixture
def warehouse(postgres: PostgresServer) -> Iterator[Warehouse]:
    with warehouse_of(postgres) as found:
        found.execute("CREATE TABLE orders (id integer, amount integer)", "INSERT INTO orders VALUES (1, 10), (2, 20)")
        yield found


@pytest.fixture
def service(tmp_path: Path, database_url: str, warehouse: Warehouse) -> Iterator[SourcedService]:
    with SourcedService(tmp_path / "data", database_url, sources(warehouse=warehouse.url)) as service:
        yield service
        assert [line for line in service.violations() if "sweeper" not in line] == []


def versions(service: SourcedService) -> list[tuple[int, str]]:
    """(version, status) of every data set, the newest first."""
    return [(item["version"], item["status"]) for item in service.get("/datasets")["items"]]


def test_a_version_is_made_only_when_the_rows_have_changed(service: SourcedService, warehouse: Warehouse) -> None:
    first = service.query(ROWS)
    assert first["origin"] == {"connection": "warehouse", "query": ROWS, "source": None}
    same = service.refresh(first["id"])
    assert (same["status"], same["result"]) == ("COMPLETED", {"dataset_id": first["id"]})

    warehouse.execute("INSERT INTO orders VALUES (3, 30)")
    second = service.get(f"/datasets/{service.refresh(first['id'])['result']['dataset_id']}")
    assert (second["version"], second["status"], second["rows"], second["name"]) == (2, "READY", 3, "data")
    assert second["origin"] == first["origin"]
    # Asked through the old version too, the newest one is the answer; and the old rows again are a new version.
    assert service.refresh(first["id"])["result"] == {"dataset_id": second["id"]}
    warehouse.execute("DELETE FROM orders WHERE id = 3")
    third = service.get(f"/datasets/{service.refresh(second['id'])['result']['dataset_id']}")
    assert (third["version"], third["sha256"]) == (3, first["sha256"])
    assert versions(service) == [(3, "READY"), (2, "READY"), (1, "READY")]
    actions = [item["action"] for item in service.get("/audit")["items"]]
    assert actions.count("dataset.refresh") == 4


def test_roles_and_uploads_are_other_origins(service: SourcedService, warehouse: Warehouse) -> None:
    plain, grouped = service.query(ROWS), service.query(ROWS, group_column="id")
    uploaded = service.upload(b"id,amount\n1,2\n3,4\n", {"name": "data"})
    assert service.refresh(plain["id"])["result"] == {"dataset_id": plain["id"]}
    assert service.refresh(grouped["id"])["result"] == {"dataset_id": grouped["id"]}
    answer = service.client.post(f"{PREFIX}/datasets/{uploaded['id']}/refresh")
    assert (answer.status_code, "was uploaded" in answer.json["detail"]) == (409, True)
    assert service.client.post(f"{PREFIX}/datasets/99/refresh").status_code == 404


def test_a_refresh_that_fails_leaves_every_version_as_it_is(service: SourcedService, warehouse: Warehouse) -> None:
    first = service.query(ROWS)
    warehouse.execute("ALTER TABLE orders RENAME amount TO price")
    job = service.refresh(first["id"])
    assert job["status"] == "FAILED", job
    assert job["error"]["code"] == "dataset_rejected"
    assert 'column "amount" does not exist' in job["error"]["message"]
    assert versions(service) == [(1, "READY")]


def test_a_rejected_data_set_is_refreshed_once_its_cause_is_gone(service: SourcedService, warehouse: Warehouse) -> None:
    rejected = service.query("SELECT * FROM later")
    assert rejected["status"] == "REJECTED"
    warehouse.execute("CREATE TABLE later AS SELECT 1 AS a")
    job = service.refresh(rejected["id"])
    assert service.get(f"/datasets/{job['result']['dataset_id']}")["status"] == "READY"
    assert versions(service) == [(2, "READY"), (1, "REJECTED")]


def test_while_one_waits_or_runs_it_is_the_answer_to_every_request(service: SourcedService) -> None:
    first = service.query(ROWS)
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: service.client_of(1).post(f"{PREFIX}/datasets/{first['id']}/refresh"), range(8))
        )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    deleted = service.client.delete(f"{PREFIX}/datasets/{first['id']}")
    assert deleted.status_code == 409
    service.work()


def test_two_refreshes_at_once_make_one_version(service: SourcedService, warehouse: Warehouse) -> None:
    """Of two versions, so that two jobs run at the same time."""
    first = service.query(ROWS)
    warehouse.execute("INSERT INTO orders VALUES (3, 30)")
    second = service.refresh(first["id"])["result"]["dataset_id"]
    warehouse.execute("INSERT INTO orders VALUES (4, 40)")
    for dataset_id in (first["id"], second):
        assert service.client.post(f"{PREFIX}/datasets/{dataset_id}/refresh").status_code == 202
    context = make_worker_context(
        service.resources.database,
        service.resources.storage,
        HANDLERS,
        times=SLOW,
        sources=Sources(sources(warehouse=warehouse.url)),
    )
    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(lambda _: run_next(context), range(2)))
    assert versions(service) == [(3, "READY"), (2, "READY"), (1, "READY")]
    results = {job["result"]["dataset_id"] for job in service.get("/jobs?job_type=INGEST")["items"][:2]}
    assert len(results) == 1


def test_an_upgrade_of_the_writer_makes_no_version(
    service: SourcedService, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal rows are recognised by themselves, not by the bytes of a file that another library has written."""
    first = service.query(ROWS)
    monkeypatch.setattr("ml_training.tabular.query_rows.GROUP_BYTES", 1)
    assert service.refresh(first["id"])["result"] == {"dataset_id": first["id"]}
