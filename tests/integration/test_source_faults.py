"""Sources that are away or cut off: jobs wait and run again, a cancel ends the query, and no secret is said."""

import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ml_training.domain import retry
from ml_training.domain.states import JobStatus
from ml_training.execution.handlers import HANDLERS
from ml_training.execution.job_handler import WorkerContext
from ml_training.execution.run_job import run_next
from ml_training.sources.sources import Sources
from tests.support.eventually import eventually
from tests.support.in_process_service import PREFIX
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy
from tests.support.warehouse import DATABASE, PASSWORD, USER, SourcedService, Warehouse, sources, warehouse_of
from tests.support.wiring import QUICK, make_worker_context

FOR_EVER = "SELECT pg_sleep(3600)::text AS t"


@pytest.fixture(scope="module")
def warehouse(postgres: PostgresServer) -> Iterator[Warehouse]:
    with warehouse_of(postgres) as found:
        yield found


@pytest.fixture
def service(tmp_path: Path, new_sqlite: Callable[[], str], warehouse: Warehouse) -> Iterator[SourcedService]:
    with SourcedService(tmp_path / "data", new_sqlite(), sources(warehouse=warehouse.url)) as service:
        yield service


def worker(service: SourcedService, url: str) -> WorkerContext:
    """A worker that looks at its jobs all the time."""
    found = Sources(sources(warehouse=url))
    return make_worker_context(
        service.resources.database, service.resources.storage, HANDLERS, times=QUICK, sources=found
    )


def ask(service: SourcedService, query: str) -> dict[str, Any]:
    """A PROCESSING data set."""
    body = {"name": "data", "connection": "warehouse", "query": query}
    answer = service.client.post(f"{PREFIX}/datasets", json=body)
    assert answer.status_code == 201, answer.data
    found: dict[str, Any] = answer.json
    return found


def work_in_background(context: WorkerContext) -> threading.Thread:
    """Run the next job in a thread."""
    thread = threading.Thread(target=run_next, args=(context,))
    thread.start()
    return thread


def test_a_cancel_ends_the_query_at_the_server(service: SourcedService, warehouse: Warehouse) -> None:
    dataset = ask(service, FOR_EVER)
    thread = work_in_background(worker(service, warehouse.url))
    eventually(warehouse.running, what="the query runs")
    assert service.client.post(f"{PREFIX}/jobs/{dataset['job_id']}/cancel").status_code == 202
    thread.join(30)
    assert not thread.is_alive()
    eventually(lambda: not warehouse.running(), what="the query has ended")
    assert service.get(f"/jobs/{dataset['job_id']}")["status"] == "CANCELLED"
    assert service.get(f"/datasets/{dataset['id']}")["status"] == "REJECTED"


def test_a_lost_connection_is_tried_again_uncharged(service: SourcedService, warehouse: Warehouse) -> None:
    dataset = ask(service, FOR_EVER)
    context = worker(service, warehouse.url)
    thread = work_in_background(context)
    eventually(warehouse.running, what="the query runs")

    def is_cut_off() -> bool:  # the first connection may only have had the query parsed
        for pid in warehouse.running():
            warehouse.execute(f"SELECT pg_terminate_backend({pid})")
        return not thread.is_alive()

    eventually(is_cut_off, what="the connection is lost")
    assert service.get(f"/jobs/{dataset['job_id']}")["status"] == "PENDING"
    with service.resources.database.read() as connection:  # the API says so only until the job is due again
        told = text("SELECT progress_message FROM jobs WHERE id = :id")
        message = connection.execute(told, {"id": dataset["job_id"]}).scalar_one()
        assert "the source of its data did not answer" in message
        assert connection.execute(text("SELECT count(*) FROM lost_attempts")).scalar_one() == 0
    assert service.get(f"/datasets/{dataset['id']}")["status"] == "PROCESSING"


def test_a_database_that_is_away_is_waited_for(service: SourcedService, warehouse: Warehouse) -> None:
    proxy = Proxy(int(re.findall(r":(\d+)/", warehouse.url)[0]))
    context = worker(service, re.sub(r"@127.0.0.1:\d+", f"@127.0.0.1:{proxy.port}", warehouse.url))
    dataset = ask(service, "SELECT 1 AS a")
    with proxy.refusing():
        assert run_next(context)
        assert service.get(f"/jobs/{dataset['job_id']}")["status"] == JobStatus.PENDING

    def ready() -> bool:
        run_next(context)
        return bool(service.get(f"/datasets/{dataset['id']}")["status"] == "READY")

    eventually(ready, what="the data set is READY")
    proxy.close()
    assert len(service.get("/datasets")["items"]) == 1


@pytest.mark.parametrize(
    ("spoil", "query", "said"),
    [
        ({}, "SELECT current_user::text::integer AS a", "invalid input syntax"),
        ({}, f"SELECT * FROM {USER}.customers", "***"),
        ({}, "SELECT * FROM nothing", "does not exist"),
        ({USER: "nobody_like_this"}, "SELECT 1 AS a", "refuses the account"),
        ({DATABASE: "no_such_place"}, "SELECT 1 AS a", "refuses the account"),
        ({"127.0.0.1": "no-such-host.invalid"}, "SELECT 1 AS a", "did not answer"),
        ({f"/{DATABASE}": f"/{DATABASE}?sslmode=nonsense"}, "SELECT 1 AS a", "has an option that is wrong"),
    ],
)
def test_no_answer_log_event_or_row_holds_what_is_secret(
    service: SourcedService,
    warehouse: Warehouse,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    spoil: dict[str, str],
    query: str,
    said: str,
) -> None:
    url = warehouse.url
    for before, after in spoil.items():
        url = url.replace(before, after)
    monkeypatch.setattr(retry, "BACKOFF_FIRST_SECONDS", retry.BACKOFF_LAST_SECONDS)  # else it is soon due again, and
    monkeypatch.setattr(random, "random", lambda: 1.0)  # waits for a worker instead
    dataset = ask(service, query)
    run_next(worker(service, url))
    shown = [
        service.get(path)
        for path in (
            "/connections",
            "/datasets",
            "/jobs",
            "/audit",
            f"/datasets/{dataset['id']}",
            f"/jobs/{dataset['job_id']}",
        )
    ]
    reached = json.dumps(shown[-2]["reasons"]) + shown[-1]["progress_message"]
    assert said in reached, reached
    said_anywhere = json.dumps(shown).replace(json.dumps(query)[1:-1], "") + "".join(capfd.readouterr())
    with service.resources.database.read() as connection:
        tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        rows = [str(connection.execute(text(f'SELECT * FROM "{table}"')).all()) for table in tables]
    said_anywhere += "\n".join(rows).replace(query, "")
    for secret in (PASSWORD, USER, url, *(value for value in spoil.values() if "sslmode" not in value)):
        assert secret not in said_anywhere, secret
