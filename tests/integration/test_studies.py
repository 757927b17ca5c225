"""Studies from the submission to the model, on both databases."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ml_training.execution.handlers import HANDLERS
from ml_training.execution.run_job import run_next
from ml_training.maintenance.cleanup import forget_jobs_once
from ml_training.services.slots import Slot
from tests.support.in_process_service import PREFIX, InProcessService
from tests.support.studies import COMMON, SEARCH, rows_csv, run, study, submit, trials_of
from tests.support.wiring import SLOW, make_worker_context

WINDOWS, ESCAPED = "/feature_engineering/windows", "~1feature_engineering~1windows"
C = "/search/~1params~1C"
RIDGE = {"/params/alpha": {"low": 0.1, "high": 10.0}}
MIXED = {
    "/model_type": {"choices": ["logistic_regression", "ridge", "random_forest"]},
    "/params/C": {"low": 0.01, "high": 10.0, "log": True},
    "/params/n_estimators": {"low": 2, "high": 8},
    "/class_balance": {"choices": ["none", "weights"]},
}

LIGHTGBM = {"model_type": "lightgbm"}
LEAVES = {"train": LIGHTGBM, "search": {"/params/num_leaves": {"low": 4, "high": 60}}}
HALVED = {"halving": {"rungs": 3, "factor": 3}, "generation": 9}
DRAWS = {
    "/params/boosting_type": {"choices": ["gbdt", "dart"]},
    "/params/colsample_bytree": {"low": 0.5, "high": 1.0},
    "/params/n_estimators": {"low": 9, "high": 30},
    "/params/subsample": {"low": 0.5, "high": 1.0},
    "/params/subsample_freq": {"choices": [0, 1]},
}


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


def step(service: InProcessService, times: int = 1) -> None:
    """Run so many due jobs."""
    context = make_worker_context(service.resources.database, service.resources.storage, HANDLERS, times=SLOW)
    for _ in range(times):
        assert run_next(context)


def cancel(service: InProcessService, job_id: int) -> int:
    """The status of the answer to a cancel."""
    return service.client.post(f"{PREFIX}/jobs/{job_id}/cancel").status_code


def pointers(answer: tuple[int, Any]) -> list[str]:
    """Where the errors of a refused study are."""
    assert answer[0] == 422, answer
    return [error["pointer"] for error in answer[1]["errors"]]


def test_a_study_finds_its_model(service: InProcessService) -> None:
    job = run(service)
    assert job["status"] == "COMPLETED", job
    found = service.get(f"/studies/{job['result']['study_id']}")
    trials = trials_of(service, found["id"])
    assert [trial["number"] for trial in trials] == [1, 2, 3, 4, 5, 6]
    assert found["best_score"] == max(trial["score"] for trial in trials)
    best = trials[found["best_trial"] - 1]
    assert (best["score"], best["values"]) == (found["best_score"], found["best_values"])
    assert (found["stopped_by"], found["importances"]) == ("trials", {"/params/C": 1.0})
    model = service.get(f"/models/{found['best_model_id']}")
    assert model["scores"]["held_out"]["roc_auc"] == found["best_score"]
    assert model["lineage"]["study_job_id"] == job["id"]
    assert [one["id"] for one in service.get("/models")["items"]] == [model["id"]], "of the best trial only"
    assert service.get("/studies")["items"][0]["id"] == found["id"]
    # The same bytes as a training that a user submits with the values that were found.
    spec = service.get(f"/models/{model['id']}/spec")
    answer = service.client.post(f"{PREFIX}/jobs", json=spec)
    assert answer.status_code == 202, answer.data
    service.work()
    again = service.get(f"/jobs/{answer.get_json()['id']}")["result"]["model_id"]
    assert service.get(f"/models/{again}")["artifact_sha256"] == model["artifact_sha256"]
    assert service.violations() == []


def test_equal_studies_are_equal_whatever_the_order_in_which_their_trials_end(service: InProcessService) -> None:
    """The trials of a generation run in any order: the row of each is what the next generation is chosen from."""
    fields = {"search": MIXED, "trials": 12, "generation": 4, "train": {"validation": {"method": "holdout"}}}
    first = run(service, **fields)
    status, second = submit(service, **fields)
    assert status == 202
    step(service)
    while service.get(f"/jobs/{second['id']}")["status"] not in ("COMPLETED", "FAILED"):
        _let_the_last_one_run_first(service)
        step(service)
    found = [service.get(f"/studies/{n}") for n in (first["result"]["study_id"], first["result"]["study_id"] + 1)]
    tables = [
        [(trial["number"], trial["values"], trial["score"]) for trial in trials_of(service, one["id"])] for one in found
    ]
    assert tables[0] == tables[1]
    shas = [service.get(f"/models/{one['best_model_id']}")["artifact_sha256"] for one in found]
    assert shas[0] == shas[1]
    own = {"logistic_regression": "/params/C", "random_forest": "/params/n_estimators"}
    for _, values, _ in tables[0]:
        of_params = {name for name in values if name.startswith("/params/")}
        assert of_params == {own[values["/model_type"]]} if values["/model_type"] in own else not of_params
    assert service.violations() == []


def _let_the_last_one_run_first(service: InProcessService) -> None:
    with service.resources.database.write() as connection:
        connection.execute(
            text("""UPDATE jobs SET priority = 1 WHERE id = (
                SELECT max(id) FROM jobs WHERE status = 'PENDING' AND run_after <= created_at)""")
        )


def test_while_its_trials_run_a_study_is_running_and_holds_no_slot(service: InProcessService) -> None:
    _, job = submit(service)
    assert job["status"] == "PENDING"
    step(service)
    seen = service.get(f"/jobs/{job['id']}")
    assert (seen["status"], seen["worker"], seen["progress_message"]) == ("RUNNING", None, "trials 1 to 3 of 6")
    assert seen["progress"] == 0
    with service.resources.database.read() as connection:
        running = connection.execute(text("SELECT sum(running), sum(pending) FROM project_counters")).one()
    assert tuple(map(int, running)) == (0, 4), "three trials and their study wait for slots, none is taken"
    listed = {status: service.get(f"/jobs?status={status}")["items"] for status in ("RUNNING", "PENDING")}
    assert [one["id"] for one in listed["RUNNING"]] == [job["id"]]
    assert listed["PENDING"] == []
    assert [one["id"] for one in service.get("/jobs?job_type=TUNE&status=RUNNING")["items"]] == [job["id"]]
    assert [one["id"] for one in service.get("/jobs?name=tuned&status=RUNNING")["items"]] == [job["id"]]
    assert service.get("/jobs?job_type=TRIAL")["items"] == []
    assert {one["job_type"] for one in service.get("/jobs")["items"]} == {"TUNE", "INGEST"}
    children = service.get(f"/jobs?parent_id={job['id']}")["items"]
    assert [(one["job_type"], one["spec"]["number"], one["status"]) for one in children] == [
        ("TRIAL", number, "PENDING") for number in (3, 2, 1)
    ]
    step(service, 3)
    assert service.get(f"/jobs/{job['id']}")["status"] == "RUNNING", "also between two generations"
    step(service)
    seen = service.get(f"/jobs/{job['id']}")
    assert (seen["attempt"], seen["progress_message"]) == (2, "trials 4 to 6 of 6")
    assert seen["progress"] == pytest.approx(0.95 / 2)
    assert service.violations() == []


def test_a_cancel_ends_the_whole_family(service: InProcessService) -> None:
    _, job = submit(service)
    step(service, 2)
    assert cancel(service, job["id"]) == 202
    assert service.get(f"/jobs/{job['id']}")["status"] == "CANCELLED"
    children = service.get(f"/jobs?parent_id={job['id']}")["items"]
    assert sorted(one["status"] for one in children) == ["CANCELLED", "CANCELLED", "COMPLETED"]
    assert service.work() == 0
    assert service.violations() == []


def test_a_trial_that_is_cancelled_is_told_as_one_that_failed(service: InProcessService) -> None:
    _, job = submit(service)
    step(service)
    first = service.get(f"/jobs?parent_id={job['id']}&sort=oldest")["items"][0]["id"]
    assert cancel(service, first) == 202
    service.work()
    ended = service.get(f"/jobs/{job['id']}")
    assert ended["status"] == "COMPLETED"
    study_id = ended["result"]["study_id"]
    assert [trial["status"] for trial in trials_of(service, study_id)] == ["CANCELLED", *5 * ["COMPLETED"]]
    assert service.get(f"/studies/{study_id}")["failed_trials"] == 1
    assert service.violations() == []


def test_a_study_whose_trials_all_fail_says_why(service: InProcessService) -> None:
    _, job = submit(service, trials=3)
    step(service)
    with service.resources.database.write() as connection:  # what no data can do: the submission would refuse them
        connection.execute(text("UPDATE jobs SET spec = '{}' WHERE parent_id IS NOT NULL"))
    service.work()
    ended = service.get(f"/jobs/{job['id']}")
    assert (ended["status"], ended["error"]["code"]) == ("FAILED", "no_trial_completed")
    assert "the stored spec cannot be read" in ended["error"]["message"]
    assert service.violations() == []


def test_a_study_completes_although_its_score_is_undefined(service: InProcessService) -> None:
    """No held-out row is positive, so recall is 0 / 0."""
    lines = ["a,y", *(f"{n % 7},{int(n in (3, 4))}" for n in range(40))]
    splits = {"method": "time_series", "test_size": 0.2}
    timed = ["t," + lines[0], *(f"2026-01-01T00:00:{n:02}Z,{line}" for n, line in enumerate(lines[1:]))]
    data = service.upload("\n".join(timed).encode(), {"name": "rare", "time_column": "t"})["id"]
    job = run(service, train={"dataset_id": data, "validation": splits}, metric="recall", trials=3)
    assert job["status"] == "COMPLETED", job["error"]
    found = service.get(f"/studies/{job['result']['study_id']}")
    assert (found["best_score"], found["best_trial"], found["failed_trials"]) == (None, 1, 3)
    assert found["best_values"] == trials_of(service, found["id"])[0]["values"]
    log = " ".join(line["line"] for line in service.get(f"/jobs/{job['id']}/logs")["items"])
    assert "recall is undefined for every one" in log
    assert service.violations() == []


def test_the_time_limit_ends_the_whole_family(service: InProcessService) -> None:
    _, job = submit(service)
    step(service)
    with service.resources.database.write() as connection:
        connection.execute(
            text("UPDATE jobs SET started_at = started_at - 1e6, created_at = created_at - 1e6 WHERE id = :id"),
            {"id": job["id"]},
        )
        connection.execute(text("UPDATE jobs SET run_after = created_at + 1 WHERE id = :id"), {"id": job["id"]})
    _drop_to_back(service)
    step(service)
    ended = service.get(f"/jobs/{job['id']}")
    assert (ended["status"], ended["error"]["code"]) == ("FAILED", "timeout")
    assert {one["status"] for one in service.get(f"/jobs?parent_id={job['id']}")["items"]} == {"CANCELLED"}


def _drop_to_back(service: InProcessService) -> None:
    """The trials have a later turn than their study."""
    with service.resources.database.write() as connection:
        connection.execute(text("UPDATE jobs SET priority = 10 WHERE parent_id IS NOT NULL"))


def test_retention_removes_a_family_and_keeps_the_trials_of_the_study(service: InProcessService) -> None:
    job = run(service)
    with service.resources.database.write() as connection:
        _age(connection)
    while forget_jobs_once(service.resources, age_seconds=86_400.0):
        pass
    assert service.get("/jobs")["items"] == []
    assert service.get(f"/jobs?parent_id={job['id']}")["items"] == []
    assert len(trials_of(service, job["result"]["study_id"])) == 6
    assert service.violations() == []


def _age(connection: Any) -> None:
    on_sqlite = connection.dialect.name == "sqlite"
    connection.execute(text(f"DROP TRIGGER {'jobs_terminal_is_final' if on_sqlite else 'jobs_guard ON jobs'}"))
    connection.execute(text("UPDATE jobs SET finished_at = finished_at - 1e6, created_at = created_at - 1e6"))


def test_a_grid_tries_every_point_once(quick: InProcessService) -> None:
    search = {
        "/model_type": {"choices": ["ridge", "random_forest"]},
        "/params/alpha": {"low": 0.5, "high": 1.5, "step": 0.5},
        "/params/n_estimators": {"low": 2, "high": 3},
        "/params/max_features": {"choices": ["sqrt", None]},
    }
    job = run(quick, sampler="grid", search=search, trials=None, metric="accuracy", generation=5)
    assert job["status"] == "COMPLETED", job
    values = [trial["values"] for trial in trials_of(quick, job["result"]["study_id"])]
    assert len({json.dumps(one) for one in values}) == len(values) == 3 + 4
    assert {one["/params/alpha"] for one in values if one["/model_type"] == "ridge"} == {0.5, 1.0, 1.5}


@pytest.mark.parametrize(
    ("rules", "stopped_by", "trials"),
    [
        ({"target": 0.01}, "target", 3),
        ({"trials_without_improvement": 1}, "trials_without_improvement", None),
        ({"seconds": 1}, "trials", 6),
    ],
)
def test_a_study_stops_by_its_rules(
    quick: InProcessService, rules: dict[str, Any], stopped_by: str, trials: int | None
) -> None:
    job = run(quick, stop={"seconds": 3600} if "seconds" in rules else rules, sampler="random", random_state=3)
    found = quick.get(f"/studies/{job['result']['study_id']}")
    assert found["stopped_by"] == stopped_by or trials is None
    assert trials is None or found["trials"] == trials


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"search": {}}, ["/search"]),
        ({"search": {"/params/D": {"low": 1.0, "high": 2.0}}}, ["/search/~1params~1D"]),
        ({"search": {"/random_state": {"choices": [1, 2]}}}, ["/search/~1random_state"]),
        (
            {"search": {"/params/C": {"low": 1e-9, "high": 1e9}}},
            ["/search/~1params~1C/low", "/search/~1params~1C/high"],
        ),
        (
            {"search": {"/params/C": {"choices": [1.0, -1.0, "x"]}}},
            [f"/search/~1params~1C/choices/{n}" for n in (1, 2)],
        ),
        ({"search": {"/params/C": {"low": 1.0}}}, [C]),
        ({"search": {"/params/C": {"low": 0.0, "high": 1.0, "log": True}}}, [C]),
        ({"search": {"/model_type": {"choices": ["mlp", "nothing"]}}}, ["/search/~1model_type/choices/1"]),
        ({"search": {"/model_type": {"choices": [["mlp"], "ridge"]}}}, ["/search/~1model_type/choices/0"]),
        ({"search": {"/params/max_iter": {"low": 1, "high": 9, "step": 0.5}}}, ["/search/~1params~1max_iter/step"]),
        ({"search": {"/params/max_iter": {"low": 1.5, "high": 9}}}, ["/search/~1params~1max_iter/low"]),
        ({"search": {"/feature_engineering": {"choices": [5]}, WINDOWS: {"choices": [[3]]}}}, [f"/search/{ESCAPED}"]),
        ({"stop": {"target": "0.9"}}, ["/stop/target"]),
        ({"sampler": "grid"}, [C]),
        ({"metric": "rmse"}, ["/metric"]),
        ({"halving": 3, "warm_start": "yes"}, ["/halving", "/warm_start"]),
        ({"halving": {"rungs": 1, "factor": 11}}, ["/halving/factor", "/halving/rungs"]),
        ({"halving": {}, "warm_start": True}, ["/warm_start"]),
        ({"halving": {}}, ["/generation", "/train/model_type"]),
        ({**LEAVES, "halving": {}}, ["/generation"]),
        ({**LEAVES, **HALVED, "train": {**LIGHTGBM, "params": {"n_estimators": 8}}}, ["/halving/rungs"]),
        ({**LEAVES, **HALVED, "train": {**LIGHTGBM, "early_stopping_rounds": 5}}, ["/train/early_stopping_rounds"]),
        ({**LEAVES, **HALVED, "train": {**LIGHTGBM, "params": {"extra_trees": True}}}, ["/train/params/extra_trees"]),
        (
            {"train": LIGHTGBM, **HALVED, "search": DRAWS},
            [
                f"/search/~1params~1{name}"
                for name in ("boosting_type", "colsample_bytree", "n_estimators", "subsample")
            ],
        ),
        (
            {**HALVED, "search": {"/model_type": {"choices": ["lightgbm", "hist_gradient_boosting"]}}},
            ["/search/~1model_type/choices/1"],
        ),
        ({"warm_start": True, "sampler": "random"}, ["/warm_start"]),
        ({"metric": "log_loss", "train": {"model_type": "ridge"}, "search": RIDGE}, ["/metric"]),
        ({"train": {"model_name": "x", "priority": 3}}, ["/train/model_name", "/train/priority"]),
        ({"train": {"dataset_id": 99}}, ["/train/dataset_id"]),
        ({"train": {"target": {"column": "nothing"}}}, ["/train/target/column"]),
        ({"train": {"params": {"D": 1}}}, ["/train/params/D"]),
        ({"search": {"/features": {"choices": [["a"], ["b", "nothing"]]}}}, ["/search/~1features"]),
        ({"trials": 0, "generation": 101}, ["/trials", "/generation"]),
    ],
)
def test_a_study_that_cannot_run_is_refused_with_every_reason(
    refusing: InProcessService, fields: dict[str, Any], where: list[str]
) -> None:
    assert sorted(pointers(submit(refusing, **fields))) == sorted(where)
    assert refusing.get("/jobs?job_type=TUNE")["items"] == []


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory, sqlite_template: bytes) -> Iterator[InProcessService]:
    """A service that stores no study: one for all the cases."""
    place = tmp_path_factory.mktemp("refusing")
    (place / "jobs.db").write_bytes(sqlite_template)
    with InProcessService(place / "data", f"sqlite:///{place / 'jobs.db'}") as service:
        service.upload(rows_csv(), {"name": "rows"})
        yield service


def test_a_study_is_checked_without_being_stored(refusing: InProcessService) -> None:
    answer = refusing.client.post(f"{PREFIX}/jobs?dry_run=true", json=study())
    assert answer.status_code == 200, answer.data
    assert answer.get_json()["estimate"]["memory_bytes"] > 0


def test_choices_that_do_not_go_together_are_refused(refusing: InProcessService) -> None:
    search = {
        "/params/boosting_type": {"choices": ["gbdt", "dart"]},
        "/early_stopping_rounds": {"choices": [None, 10]},
    }
    answer = submit(refusing, search=search, train={**COMMON, "model_type": "lightgbm"})
    assert pointers(answer) == ["/search/~1early_stopping_rounds"]


def test_the_largest_trial_must_fit_into_a_slot(refusing: InProcessService) -> None:
    trees = {"/params/n_estimators": {"low": 10, "high": 10_000}, "/params/max_leaf_nodes": {"choices": [2, 1_000_000]}}
    fields: dict[str, Any] = {"train": {"model_type": "random_forest"}, "metric": "accuracy"}
    slots = refusing.resources.slots
    kept = slots.configured
    slots.configured, slots._until = Slot(60_000_000, 1), 0.0
    try:
        assert pointers(submit(refusing, **fields, search=trees)) == ["/search"]
        few = {**trees, "/params/n_estimators": {"low": 1, "high": 2}}
        status, body = submit(refusing, **fields, search=few)
        assert status == 202, body
        assert cancel(refusing, body["id"]) == 202
    finally:
        slots.configured, slots._until = kept, 0.0


def test_the_search_is_shown_as_it_was_given(refusing: InProcessService) -> None:
    status, job = submit(refusing)
    assert status == 202
    assert job["spec"]["search"]["/params/C"] == {**SEARCH["/params/C"], "choices": None, "step": None}
    assert "model_name" not in job["spec"]["train"]
    assert cancel(refusing, job["id"]) == 202
