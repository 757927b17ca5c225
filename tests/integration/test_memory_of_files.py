"""A file that takes too much memory, or crashes its parser, is REJECTED with that reason, and the worker lives on."""

import faulthandler
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from ml_training.execution.forked_work import ForkedWork
from ml_training.execution.handlers import ingest_verdict
from ml_training.execution.memory_limit import MemoryLimit, private_memory
from tests.support.in_process_service import InProcessService
from workers.jobs_left import JobsLeft

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files are read in a fork on Linux only")
MEGABYTE = 1_000_000
SMALL = b"a,y\n" + b"1,0\n2,1\n" * 10


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    with InProcessService(tmp_path / "data", database_url) as service:
        yield service


def reading_with(service: InProcessService, forked: ForkedWork) -> InProcessService:
    service._worker_context = replace(service._worker_context, run_work=forked)
    return service


def large() -> bytes:
    """20 columns of numbers in 12 MB."""
    numbers = np.random.default_rng(1).integers(0, 10**9, (60_000, 20))
    lines = [",".join(f"c{at}" for at in range(20)), *(",".join(map(str, row)) for row in numbers)]
    return "\n".join(lines).encode()


def details(dataset: dict[str, Any]) -> list[str]:
    return [reason["detail"] for reason in dataset["reasons"]]


def test_a_file_that_needs_more_memory_than_a_slot_is_rejected(service: InProcessService) -> None:
    reading_with(service, ForkedWork(MemoryLimit(private_memory() + 3 * MEGABYTE)))
    found = service.upload(large(), {"name": "large"})
    assert found["status"] == "REJECTED"
    [detail] = details(found)
    assert detail.startswith("the file needs more memory than the slot of a worker has")
    reading_with(service, ForkedWork(MemoryLimit(private_memory() + 500 * MEGABYTE)))
    assert service.upload(large(), {"name": "large"})["status"] == "READY"


def test_what_a_file_took_is_given_back(service: InProcessService) -> None:
    reading_with(service, ForkedWork())
    service.upload(SMALL, {"name": "small"})
    status, sent = service.send_file(large(), {"name": "large"})
    assert status == 201
    before = private_memory()  # the API, which is in this process too, has taken the file
    service.work()
    assert private_memory() - before < 20 * MEGABYTE
    assert service.get(f"/datasets/{sent['id']}")["status"] == "READY"


def test_a_file_that_crashes_its_parser_is_rejected_and_the_next_one_is_read(
    service: InProcessService, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading_with(service, ForkedWork())

    def crash(*_: Any, **__: Any) -> NoReturn:
        faulthandler.disable()  # its report would look like a failed test
        os.abort()

    with monkeypatch.context() as patched:
        patched.setattr(ingest_verdict, "read_table", crash)
        found = service.upload(SMALL, {"name": "hostile"})
    assert found["status"] == "REJECTED"
    [detail] = details(found)
    assert detail.startswith("the file crashes the library that reads it, with SIGABRT")
    assert service.upload(SMALL, {"name": "honest"})["status"] == "READY"
    assert service.violations() == []


def test_a_child_that_keeps_much_memory_runs_no_other_job() -> None:
    left = JobsLeft(5, begin=private_memory())
    left.use_one()
    assert left.count == 4
    kept = np.ones(20_000_000)  # 160 MB
    left.use_one()
    assert left.count == 0
    del kept
    left = JobsLeft(5, begin=private_memory())
    freed = np.ones(20_000_000)
    del freed
    left.use_one()
    assert left.count == 4, "what was given back does not count"
