"""Estimates that a dry run gave are compared with what became of the job that was submitted next."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from ml_training.db import heartbeats
from ml_training.db.stats import open_stats
from ml_training.domain.specs import parse_spec
from ml_training.services import given_estimates
from ml_training.services.given_estimates import GivenEstimate, GivenEstimates
from tests.support.in_process_service import PREFIX, InProcessService

SPEC: dict[str, Any] = {
    "job_type": "TRAIN",
    "model_name": "m",
    "model_type": "ridge",
    "dataset_id": 1,
    "target": {"column": "y"},
}


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """With one data set and a worker with a free slot."""
    with InProcessService(tmp_path / "data", database_url) as service:
        x = np.random.default_rng(1).normal(size=60)
        rows = "\n".join(["x,y", *(f"{value:.6f},c{n % 2}" for n, value in enumerate(x))])
        assert service.upload(rows.encode(), {"name": "data"})["status"] == "READY"
        with service.resources.database.write() as connection:
            heartbeats.write_heartbeat(connection, process="worker@a-1", kind="worker", body={"slots": 9})
        yield service


def ask(service: InProcessService, **more: Any) -> dict[str, Any]:
    """The estimate of a dry run."""
    answer = service.client.post(f"{PREFIX}/jobs?dry_run=true", json={**SPEC, **more})
    found: dict[str, Any] = answer.get_json()["estimate"]
    return found


def submit(service: InProcessService, **more: Any) -> int:
    """The id of an accepted job."""
    answer = service.client.post(f"{PREFIX}/jobs", json={**SPEC, **more})
    assert answer.status_code == 202, answer.data
    return int(answer.get_json()["id"])


def counted(service: InProcessService) -> dict[tuple[str, str], int]:
    """How often an estimate was counted, by what it is of and whether it held."""
    with open_stats(service.resources.database) as stats:
        rows = [row for row in stats.ledger() if row.kind.startswith("estimate_")]
    return {(row.label, row.kind.removeprefix("estimate_")): row.n for row in rows}


def set_estimate(service: InProcessService, job_id: int, **values: float) -> None:
    """As a dry run would have said it."""
    with service.resources.database.write() as connection:
        for name, value in values.items():
            connection.execute(text(f"UPDATE jobs SET {name} = :value WHERE id = :id"), {"value": value, "id": job_id})


def test_an_estimate_is_compared_with_the_job_that_is_submitted_next(service: InProcessService) -> None:
    submit(service)
    service.work()
    assert counted(service) == {}, "nobody asked before"
    found = ask(service)
    assert found["starts_in_seconds"] == 0.0
    assert found["seconds"] > 0
    submit(service)
    submit(service)  # once: nobody asked before this one
    service.work()
    assert counted(service) == {("seconds", "held"): 1, ("starts_in_seconds", "held"): 1}


def test_an_estimate_of_another_spec_is_not_compared(service: InProcessService) -> None:
    ask(service)
    submit(service, params={"alpha": 3.0})
    service.work()
    assert counted(service) == {}


@pytest.mark.parametrize(
    ("seconds", "wait", "result"), [(1_000.0, 1_000.0, "missed"), (0.9, 4.0, "held"), (0.0, 0.0, "held")]
)
def test_far_too_long_is_missed(service: InProcessService, seconds: float, wait: float, result: str) -> None:
    set_estimate(service, submit(service), estimated_seconds=seconds, estimated_wait=wait)
    service.work()
    assert counted(service) == {("seconds", result): 1, ("starts_in_seconds", result): 1}


def test_far_too_short_is_missed(service: InProcessService) -> None:
    job_id = submit(service)
    set_estimate(service, job_id, estimated_wait=3.0, created_at=1_000_000.0)  # so it has waited for years
    service.work()
    assert counted(service) == {("starts_in_seconds", "missed"): 1}


def test_a_reused_result_says_nothing_about_the_run_time(service: InProcessService) -> None:
    submit(service)
    service.work()
    assert ask(service, reuse=True)["seconds"] is not None
    submit(service, reuse=True)
    service.work()
    assert counted(service) == {("starts_in_seconds", "held"): 1}


def test_estimates_are_forgotten_after_a_minute_and_beyond_a_number(
    monkeypatch: pytest.MonkeyPatch, spec_of: Callable[[str], Any]
) -> None:
    now = [0.0]
    given = GivenEstimates(clock=lambda: now[0])
    estimate = GivenEstimate(1.0, None)
    given.give(spec_of("a"), estimate, project_id=1)
    assert given.take(spec_of("a"), project_id=2) is None
    assert given.take(spec_of("a"), project_id=1) == estimate
    assert given.take(spec_of("a"), project_id=1) is None
    given.give(spec_of("a"), estimate, project_id=1)
    now[0] = 61.0
    assert given.take(spec_of("a"), project_id=1) is None
    monkeypatch.setattr(given_estimates, "KEPT", 2)
    for name in "abc":
        given.give(spec_of(name), estimate, project_id=1)
    assert [given.take(spec_of(name), project_id=1) for name in "abc"] == [None, estimate, estimate]


@pytest.fixture
def spec_of() -> Callable[[str], Any]:
    """Makes a spec of a model of this name."""
    return lambda name: parse_spec({**SPEC, "model_name": name}, max_runtime_seconds=60)[0]
