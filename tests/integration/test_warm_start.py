"""Studies that begin with the trials of earlier ones: which they take, and that they keep them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ml_training.db import warm_starts
from ml_training.domain.search_space import search_space
from ml_training.domain.specs import parse_spec
from ml_training.domain.study_steps import Trial
from ml_training.domain.tune_spec import TuneSpec
from ml_training.domain.warm_start import values_here
from ml_training.execution.handlers import HANDLERS
from ml_training.execution.run_job import run_next
from ml_training.training.parameter_sampler import next_values
from tests.support.in_process_service import PREFIX, InProcessService
from tests.support.studies import rows_csv, run, study, submit, trials_of
from tests.support.wiring import SLOW, make_worker_context

FOREST = {"model_type": "random_forest"}
WIDE: dict[str, Any] = {"/params/n_estimators": {"low": 2, "high": 9}}


@pytest.fixture
def service(tmp_path: Path, database_url: str) -> Iterator[InProcessService]:
    """The service with one data set."""
    with InProcessService(tmp_path / "data", database_url) as service:
        service.upload(rows_csv(), {"name": "rows"})
        yield service


def found(service: InProcessService, job: dict[str, Any]) -> dict[str, Any]:
    """The study of a job that is COMPLETED."""
    assert job["status"] == "COMPLETED", job["error"]
    shown: dict[str, Any] = service.get(f"/studies/{job['result']['study_id']}")
    return shown


def tried(service: InProcessService, study_id: int) -> list[tuple[Any, Any]]:
    """Values and score of each trial."""
    return [(trial["values"], trial["score"]) for trial in trials_of(service, study_id)]


def step(service: InProcessService, times: int = 1) -> None:
    """Run so many due jobs."""
    context = make_worker_context(service.resources.database, service.resources.storage, HANDLERS, times=SLOW)
    for _ in range(times):
        assert run_next(context)


def test_a_study_begins_with_what_is_known_and_is_never_worse(service: InProcessService) -> None:
    cold = found(service, run(service))
    assert cold["warm_start"] is None
    first = found(service, run(service, warm_start=True, random_state=1))
    assert first["warm_start"] == {"studies": [cold["id"]], "trials": 6}
    best, score = tried(service, first["id"])[0]
    assert (best, score) == (cold["best_values"], cold["best_score"]), "the best one is tried again"
    assert first["best_score"] >= cold["best_score"]
    assert tried(service, first["id"]) != tried(service, found(service, run(service, random_state=1))["id"])
    log = " ".join(line["line"] for line in service.get(f"/jobs/{first['job_id']}/logs")["items"])
    assert "begins with 6 trials of 1 earlier studies" in log
    second = found(service, run(service, warm_start=True, random_state=2))
    assert second["warm_start"]["studies"][:2] == [cold["id"], first["id"]]
    everything = [values for one in service.get("/studies")["items"][1:] for values, _ in tried(service, one["id"])]
    once = {str(values) for values in everything}
    assert second["warm_start"]["trials"] == len(once) < len(everything), "a point that was tried twice counts once"
    assert service.violations() == []


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"metric": "accuracy"}, marks=pytest.mark.slow),
        pytest.param({"train": {"validation": {"method": "cross_validation", "splits": 3}}}, marks=pytest.mark.slow),
        pytest.param({"train": {"random_state": 7}}, marks=pytest.mark.slow),
        {"train": {"target": {"column": "kind"}}, "metric": "accuracy"},
        pytest.param({"train": {"exclude_features": ["a"]}}, marks=pytest.mark.slow),
        pytest.param({"train": {"params": {"l1_ratio": 0.5}}}, marks=pytest.mark.slow),
        {"search": {"/params/C": {"low": 1000.0, "high": 9999.0}}},
        pytest.param({"train": FOREST, "search": WIDE}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_trials_that_the_study_could_not_have_made_are_not_taken(
    tmp_path: Path, new_sqlite: Callable[[], str], other: dict[str, Any]
) -> None:
    with InProcessService(tmp_path / "data", new_sqlite()) as service:
        service.upload(rows_csv(), {"name": "rows"})
        found(service, run(service, trials=2))
        assert found(service, run(service, **other, trials=2, warm_start=True))["warm_start"]["trials"] == 0


def test_equal_data_under_another_name_are_the_same_and_other_data_are_not(service: InProcessService) -> None:
    cold = found(service, run(service, trials=2))
    same = service.upload(rows_csv(), {"name": "copy"})["id"]
    other = service.upload(rows_csv(seed=9), {"name": "other"})["id"]
    taken = [
        found(service, run(service, train={"dataset_id": data}, trials=2, warm_start=True))["warm_start"]
        for data in (same, other)
    ]
    assert taken == [{"studies": [cold["id"]], "trials": 2}, {"studies": [], "trials": 0}]


def test_what_was_taken_stays_the_same_whatever_ends_meanwhile(service: InProcessService) -> None:
    """Two equal studies see the same earlier one; a third study ends while the second one runs."""
    found(service, run(service, random_state=5))
    status, job = submit(service, warm_start=True, priority=9)
    assert status == 202
    step(service)  # the first step: it has stored what it begins with
    found(service, run(service, random_state=6, priority=1))
    whole = found(service, service.get(f"/jobs/{job['id']}"))
    assert len(whole["warm_start"]["studies"]) == 1
    with service.resources.database.write() as connection:  # as if the others had never been
        connection.execute(text("UPDATE studies SET warm_key = 'another' WHERE id > 1"))
    again = found(service, run(service, warm_start=True, priority=9))
    assert tried(service, again["id"]) == tried(service, whole["id"])
    assert service.violations() == []


def test_a_first_step_that_is_killed_leaves_nothing_and_begins_again(
    service: InProcessService, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(service, run(service, trials=3))
    _, job = submit(service, warm_start=True, trials=3)
    store = warm_starts.store_warm_start

    def killed(*arguments: Any) -> None:
        store(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(warm_starts, "store_warm_start", killed)
    with pytest.raises(KeyboardInterrupt):
        step(service)
    monkeypatch.undo()
    with service.resources.database.write() as connection:
        assert warm_starts.read_warm_start(connection, job["id"]) is None, "it went with the first trials"
        waits = "UPDATE jobs SET status = 'PENDING', lease_until = NULL, worker = NULL WHERE id = :id"
        connection.execute(text(waits), {"id": job["id"]})
    service.work()
    assert found(service, service.get(f"/jobs/{job['id']}"))["warm_start"]["trials"] == 3


def test_a_study_of_another_project_is_not_begun_with(service: InProcessService) -> None:
    with service.resources.database.write() as connection:
        connection.execute(text("INSERT INTO projects (name, created_at) VALUES ('other', 0.0)"))
    found(service, run(service, trials=2))
    service.client = service.client_of(2)
    data = service.upload(rows_csv(), {"name": "rows"})["id"]
    job = run(service, train={"dataset_id": data}, trials=2, warm_start=True)
    assert found(service, job)["warm_start"] == {"studies": [], "trials": 0}


def test_a_sampler_that_does_not_learn_is_refused(service: InProcessService) -> None:
    answer = service.client.post(f"{PREFIX}/jobs", json=study(warm_start=True, sampler="grid", search=WIDE))
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/warm_start"


def tune(**fields: Any) -> TuneSpec:
    """A spec as it is stored."""
    spec, errors = parse_spec(study(**fields), max_runtime_seconds=60)
    assert isinstance(spec, TuneSpec), errors
    return spec


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"low": 1, "high": 50}, True),
        ({"low": 5, "high": 50}, False),
        ({"choices": [4, 5]}, True),
        ({"choices": [5, 6]}, False),
        ({"low": 2, "high": 8, "step": 2}, True),
        ({"low": 1, "high": 9, "step": 2}, False),
    ],
    ids=str,
)
def test_ranges_may_be_others(now: dict[str, Any], expected: bool) -> None:
    spec, earlier = tune(train=FOREST, search={"/params/n_estimators": now}), tune(train=FOREST, search=WIDE)
    here = values_here(spec, search_space(spec), earlier, {"/params/n_estimators": 4})
    assert here == ({"/params/n_estimators": 4} if expected else None)


def test_what_was_fixed_may_be_searched_and_the_other_way_round() -> None:
    fixed = {**FOREST, "params": {"max_depth": 3}}
    both = {**WIDE, "/params/max_depth": {"low": 1, "high": 5}}
    earlier, spec = tune(train=fixed, search=WIDE), tune(train=FOREST, search=both)
    here = values_here(spec, search_space(spec), earlier, {"/params/n_estimators": 4})
    assert here == {"/params/n_estimators": 4, "/params/max_depth": 3}
    back = [{"/params/n_estimators": 4, "/params/max_depth": depth} for depth in (3, 4)]
    space = search_space(earlier)
    assert [values_here(earlier, space, spec, values) for values in back] == [{"/params/n_estimators": 4}, None]


def test_the_type_of_the_model_may_be_searched() -> None:
    types = {"/model_type": {"choices": ["ridge", "random_forest"]}, **WIDE}
    spec, earlier = tune(search=types), tune(train=FOREST, search=WIDE)
    here = values_here(spec, search_space(spec), earlier, {"/params/n_estimators": 4})
    assert here == {"/model_type": "random_forest", "/params/n_estimators": 4}


def test_the_best_earlier_point_is_the_first_of_the_first_generation_only() -> None:
    spec = tune(train=FOREST, search=WIDE)
    space = search_space(spec)

    def scored(numbers: Sequence[int]) -> list[Trial]:
        return [Trial(n, n, {"/params/n_estimators": n}, "COMPLETED", float(n)) for n in numbers]

    first = next_values(spec, space, [], count=3, earlier=scored([3, 8, 5]))
    assert (len(first), first[0]) == (3, {"/params/n_estimators": 8})
    assert next_values(spec, space, [], count=3, earlier=scored([3, 8, 5])) == first
    later = next_values(spec, space, scored([2]), count=20, earlier=scored([3, 8, 5]))
    assert len(later) == 20
