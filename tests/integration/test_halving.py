"""Studies with successive halving, on both databases: poor trials end early, and no score or model is another one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ml_training.db.storage_references import named_keys
from ml_training.execution.handlers import HANDLERS
from ml_training.execution.run_job import run_next
from tests.support.in_process_service import PREFIX, InProcessService
from tests.support.small_jobs import check
from tests.support.studies import rows_csv, run, submit, trials_of
from tests.support.wiring import SLOW, make_worker_context

ROUNDS = "/params/n_estimators"
HALVED: dict[str, Any] = {
    "train": {"model_type": "lightgbm", "params": {"n_estimators": 12, "min_child_samples": 5}},
    "search": {
        "/params/learning_rate": {"low": 0.01, "high": 0.5, "log": True},
        "/params/num_leaves": {"low": 2, "high": 9},
    },
    "halving": {"rungs": 3, "factor": 2},
    "generation": 4,
    "trials": 6,
}
STATES = "SELECT key FROM checkpoints WHERE study_job_id IS NOT NULL"


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """The service with one data set."""
    with InProcessService(tmp_path / "data", database_url) as service:
        service.upload(rows_csv(), {"name": "rows"})
        yield service


@pytest.fixture
def quick(tmp_path: Path, new_sqlite: Callable[[], str]) -> Iterator[InProcessService]:
    """The same on SQLite only, where the database makes no difference."""
    with InProcessService(tmp_path / "data", new_sqlite()) as service:
        service.upload(rows_csv(), {"name": "rows"})
        yield service


def step(service: InProcessService, times: int) -> None:
    """Run so many due jobs."""
    context = make_worker_context(service.resources.database, service.resources.storage, HANDLERS, times=SLOW)
    for _ in range(times):
        assert run_next(context)


def rows_of(service: InProcessService, job: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The table of the trials of a study that has COMPLETED."""
    assert job["status"] == "COMPLETED", job
    trials = trials_of(service, job["result"]["study_id"])
    return [(trial["number"], trial["continues"], trial["values"], trial["score"]) for trial in trials]


def logs_of(service: InProcessService, job_id: int) -> str:
    return " ".join(line["line"] for line in service.get(f"/jobs/{job_id}/logs")["items"])


def test_the_best_trials_of_each_rung_continue_where_they_ended(service: InProcessService) -> None:
    job = run(service, **HALVED)
    assert job["status"] == "COMPLETED", job
    found = service.get(f"/studies/{job['result']['study_id']}")
    trials = trials_of(service, found["id"])
    # Four begin, two continue, one is trained to the end; then the same of the two that are left.
    assert [trial["values"][ROUNDS] for trial in trials] == [3, 3, 3, 3, 6, 6, 12, 3, 3, 6, 12]
    scores = {trial["number"]: trial["score"] for trial in trials}
    continued = {trial["number"]: trial["continues"] for trial in trials if trial["continues"]}
    first = sorted(sorted((1, 2, 3, 4), key=lambda number: (-scores[number], number))[:2])
    assert [continued[5], continued[6]] == first
    assert continued[7] == max((5, 6), key=lambda number: (scores[number], -number))
    assert continued[10] == max((8, 9), key=lambda number: (scores[number], -number))
    assert continued[11] == 10
    for number, before in continued.items():
        one, other = trials[number - 1], trials[before - 1]
        assert {**one["values"], ROUNDS: 0} == {**other["values"], ROUNDS: 0}
        assert f"continuing the trial that ended after {other['values'][ROUNDS]} rounds" in logs_of(
            service, one["job_id"]
        )
    assert found["best_trial"] == max((7, 11), key=lambda number: (scores[number], -number)), "of the last rung only"
    assert (found["trials"], found["stopped_by"], found["best_values"][ROUNDS]) == (11, "trials", 12)
    assert set(found["importances"]) == set(HALVED["search"])
    model = service.get(f"/models/{found['best_model_id']}")
    assert model["scores"]["held_out"]["roc_auc"] == found["best_score"], "as that of a training without a break"
    with service.resources.database.read() as connection:
        assert connection.execute(text(STATES)).all() == []
    check(service.resources)


def test_the_states_are_kept_until_the_study_has_decided_who_continues(service: InProcessService) -> None:
    _, job = submit(service, **HALVED)
    step(service, 5)
    with service.resources.database.read() as connection:
        keys = set(connection.execute(text(STATES)).scalars())
        assert len(keys) == 4
        assert named_keys(connection, keys) == keys, "no sweep removes them"
    step(service, 1)
    with service.resources.database.read() as connection:
        assert connection.execute(text(STATES)).all() == []
        assert len(named_keys(connection, keys)) == 2, "those of the trials that continue"
    assert service.client.post(f"{PREFIX}/jobs/{job['id']}/cancel").status_code == 202
    with service.resources.database.read() as connection:
        assert named_keys(connection, keys) == set()
    check(service.resources)


def test_a_study_ends_the_same_whatever_its_trials_have_lost(quick: InProcessService) -> None:
    """Without their states the trials begin again, and in any order: no score is another one."""
    whole = run(quick, **HALVED)
    status, hurt = submit(quick, **HALVED)
    assert status == 202
    while quick.get(f"/jobs/{hurt['id']}")["status"] not in ("COMPLETED", "FAILED"):
        with quick.resources.database.write() as connection:
            connection.execute(text("DELETE FROM checkpoints"))
            connection.execute(text("UPDATE jobs SET priority = 1 + (id * 7) % 10 WHERE status = 'PENDING'"))
        step(quick, 1)
    hurt = quick.get(f"/jobs/{hurt['id']}")
    assert rows_of(quick, hurt) == rows_of(quick, whole)
    made = [
        quick.get(f"/models/{quick.get('/studies/' + str(one['result']['study_id']))['best_model_id']}")
        for one in (whole, hurt)
    ]
    assert made[0]["artifact_sha256"] == made[1]["artifact_sha256"]


def test_trials_without_a_score_never_continue(quick: InProcessService) -> None:
    _, job = submit(quick, **HALVED)
    step(quick, 1)
    for child in quick.get(f"/jobs?parent_id={job['id']}")["items"]:
        assert quick.client.post(f"{PREFIX}/jobs/{child['id']}/cancel").status_code == 202
    quick.work()
    ended = quick.get(f"/jobs/{job['id']}")
    rows = rows_of(quick, ended)
    best = max((5, 6), key=lambda number: (rows[number - 1][3], -number))
    assert [row[1] for row in rows] == [None, None, None, None, None, None, best, 7]
    assert quick.get(f"/studies/{ended['result']['study_id']}")["best_trial"] == 8


@pytest.mark.parametrize("sampler", ["random", "grid"])
def test_every_sampler_can_halve(quick: InProcessService, sampler: str) -> None:
    train = {"model_type": "random_forest", "params": {"n_estimators": 8}}
    search = {"/params/max_depth": {"low": 2, "high": 5}}
    trials = {"trials": None if sampler == "grid" else 4}
    found = rows_of(quick, run(quick, **{**HALVED, **trials, "train": train, "search": search, "sampler": sampler}))
    assert [row[2][ROUNDS] for row in found] == [2, 2, 2, 2, 4, 4, 8]
