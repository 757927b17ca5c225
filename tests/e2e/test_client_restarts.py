"""A client waits through restarts of the API and of the worker, and its events have no gap and no repetition."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_training.client import Client
from ml_training.client.events import Event
from tests.support.datasets import generated_csv
from tests.support.eventually import PATIENCE, eventually
from tests.support.stack_process import StackProcess, start_stack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    """The single-machine stack, ready and empty."""
    with start_stack(tmp_path_factory.mktemp("up") / "data") as stack:
        stack.wait_until_ready()
        yield stack


@pytest.fixture
def client(stack: StackProcess) -> Iterator[Client]:
    with Client(stack.urls[0].removesuffix("/api/v1"), retry_seconds=PATIENCE) as client:
        yield client


def test_waiting_and_events_survive_the_death_of_the_api_and_of_the_worker(
    stack: StackProcess, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "data.csv").write_bytes(generated_csv(20_000, 20))
    data = client.datasets.upload(tmp_path / "data.csv")
    job = client.train(data, target="target", model_type="lightgbm", name="m", params={"n_estimators": 1_500})
    events: list[Event] = []
    followers = Client(client.url, retry_seconds=PATIENCE)
    thread = threading.Thread(target=lambda: events.extend(followers.jobs.get(job.id).events()), daemon=True)
    thread.start()
    eventually(lambda: job.refresh().progress > 0.05, what="the training runs")
    stack.part("api").kill()
    eventually(lambda: job.refresh().progress > 0.1, what="the training runs on")
    stack.part("worker").kill()
    ended = job.wait(progress=False)
    assert ended.status == "COMPLETED"
    assert ended.model.task == "binary"
    thread.join(PATIENCE)
    assert events[-1].kind == "end"
    numbers = [event.seq for event in events if event.seq is not None]
    assert numbers == sorted(set(numbers))
    assert [line.seq for line in job.logs()] == [event.seq for event in events if event.kind == "log"]


def test_the_same_bytes_are_sent_once_and_become_two_data_sets(client: Client, tmp_path: Path) -> None:
    (tmp_path / "once.csv").write_bytes(b"a,b\n" + b"1,2\n3,4\n" * 50)
    sent: list[str] = []
    client.transport._http.event_hooks = {"request": [lambda request: sent.append(request.method)]}
    first = client.datasets.upload(tmp_path / "once.csv")
    second = client.datasets.upload(tmp_path / "once.csv")
    assert (first.sha256, first.version, second.version) == (second.sha256, 1, 2)
    assert sent.count("PATCH") == 1
