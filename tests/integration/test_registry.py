"""The registry: aliases that point to one version whoever moves them, and models that stay while a job needs them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ml_training.db import results
from ml_training.db.engine import Database
from ml_training.db.invariants import broken_rows
from ml_training.db.job_models import uses_model
from ml_training.domain.caller import SERVICE
from ml_training.domain.errors import Conflict, Invalid, NotFound
from ml_training.domain.records import Model
from ml_training.domain.specs import JobType, fingerprint, parse_spec, spec_json
from ml_training.domain.states import JobStatus
from ml_training.execution.run_job import run_next
from ml_training.services import queries, submit
from ml_training.services.cancel import request_cancel
from ml_training.services.models import alias_history, change_model, delete_model, train_spec
from ml_training.services.resources import Resources
from ml_training.services.store_jobs import CheckedSpec, Submission, store
from ml_training.services.submit import submit_batch, submit_job
from tests.support import api
from tests.support.api import ready_dataset, stored_model, usable_model
from tests.support.eventually import eventually
from tests.support.jobs import train_at_once
from tests.support.wiring import make_worker_context

ROUNDS = 40


@pytest.fixture
def dataset_id(resources: Resources) -> int:
    """A READY data set."""
    return ready_dataset(resources)


@pytest.fixture
def versions(resources: Resources, dataset_id: int) -> list[int]:
    """Three versions of one name, and a model of another."""
    made = [usable_model(resources, dataset_id=dataset_id, job_id=job_id, name="churn") for job_id in (101, 102, 103)]
    return [*made, usable_model(resources, dataset_id=dataset_id, job_id=104, name="other")]


def aliases(resources: Resources, model_ids: list[int]) -> list[tuple[str, ...]]:
    """The aliases of each model."""
    return [queries.get_model(resources, model_id).aliases for model_id in model_ids]


def broken(database: Database) -> list[str]:
    """The invariants that do not hold."""
    with database.read() as connection:
        return [rule for rule, _ in broken_rows(connection)]


def a_test(model_id: int, dataset_id: int, **values: Any) -> dict[str, Any]:
    """A TEST spec."""
    return {"job_type": "TEST", "model_id": model_id, "dataset_id": dataset_id, **values}


def a_comparison(model_ids: list[int], dataset_id: int) -> dict[str, Any]:
    """A COMPARE spec."""
    return {"job_type": "COMPARE", "model_ids": model_ids, "dataset_id": dataset_id, "metric": "f1"}


def test_a_new_model_says_nothing_and_a_change_sets_what_it_gives(resources: Resources, versions: list[int]) -> None:
    first = queries.get_model(resources, versions[0])
    assert (first.description, first.tags, first.aliases) == ("", (), ())
    change_model(resources, first.id, {"description": "the first", "tags": ["eu", "2026"], "aliases": ["champion"]})
    changed = change_model(resources, first.id, {"description": ""})
    assert (changed.description, changed.tags, changed.aliases) == ("", ("eu", "2026"), ("champion",))
    assert queries.get_model(resources, first.id) == changed
    assert change_model(resources, first.id, {"tags": []}).tags == ()


def test_an_alias_moves_to_the_version_that_asks_for_it_last(resources: Resources, versions: list[int]) -> None:
    first, second, third, other = versions
    change_model(resources, first, {"aliases": ["shadow", "champion", "b"]})
    change_model(resources, other, {"aliases": ["champion"]})
    change_model(resources, second, {"aliases": ["champion"]})
    assert aliases(resources, versions) == [("b", "shadow"), ("champion",), (), ("champion",)]
    change_model(resources, first, {"aliases": []})
    change_model(resources, third, {"aliases": ["champion", "champion-2"]})
    assert aliases(resources, versions) == [(), (), ("champion", "champion-2"), ("champion",)]


def test_each_move_of_an_alias_is_kept_with_who_made_it(resources: Resources, versions: list[int]) -> None:
    first, second, _, other = versions
    ada = replace(resources, caller=replace(resources.caller, key_id="key_ada"))
    change_model(resources, first, {"aliases": ["champion", "shadow"]})
    change_model(ada, second, {"aliases": ["champion"]})
    change_model(ada, second, {"aliases": ["champion"]})  # where it is: no move
    change_model(ada, first, {"aliases": []})
    change_model(resources, other, {"aliases": ["champion"]})  # an alias of another name
    delete_model(resources, second)
    assert [(move.alias, move.model_id, move.version, move.moved_by) for move in alias_history(resources, first)] == [
        ("champion", None, None, None),
        ("shadow", None, None, "key_ada"),
        ("champion", second, 2, "key_ada"),
        ("shadow", first, 1, None),
        ("champion", first, 1, None),
    ]
    with pytest.raises(NotFound):
        alias_history(resources, second)


def test_a_change_that_fails_is_no_move(resources: Resources, versions: list[int]) -> None:
    with pytest.raises(Invalid):
        change_model(resources, versions[0], {"aliases": ["champion"], "tags": ["no tag"]})
    assert alias_history(resources, versions[0]) == []


def test_the_newest_moves_of_a_name_are_kept(
    resources: Resources, versions: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_training.db.aliases.MOVES_KEPT", 3)
    change_model(resources, versions[3], {"aliases": ["champion"]})
    for number in range(6):
        change_model(resources, versions[number % 2], {"aliases": ["champion"]})
    assert [move.version for move in alias_history(resources, versions[0])] == [2, 1, 2]
    assert len(alias_history(resources, versions[3])) == 1
    with resources.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM alias_moves")).scalar_one() == 4


def test_wrong_changes_change_nothing(resources: Resources, versions: list[int]) -> None:
    with pytest.raises(Invalid):
        change_model(resources, versions[0], {"description": "x", "aliases": ["No"]})
    assert queries.get_model(resources, versions[0]).description == ""
    with pytest.raises(NotFound):
        change_model(resources, 999, {"description": "x"})


@pytest.mark.parametrize("crossing", [False, True], ids=["the same alias", "each other's alias"])
def test_versions_that_take_an_alias_at_once_leave_one_holder(
    resources: Resources, versions: list[int], crossing: bool
) -> None:
    first, second = versions[:2]
    pairs = [{first: ["x"], second: ["y"]}, {first: ["y"], second: ["x"]}]
    line = threading.Barrier(2)

    def take(model_id: int) -> None:
        for number in range(ROUNDS):
            line.wait(60)
            change_model(resources, model_id, {"aliases": pairs[number % 2][model_id] if crossing else ["x", "y"]})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(take, (first, second)))  # an exception would come out here
    fence = aliases(resources, [first, second])
    assert sorted(fence[0] + fence[1]) == ["x", "y"]
    if crossing:
        assert fence == [("y",), ("x",)]
    assert broken(resources.database) == []


def test_models_are_found_by_name_alias_and_type(resources: Resources, dataset_id: int, versions: list[int]) -> None:
    first, second, third, other = versions
    ridge = stored_model(resources, dataset_id=dataset_id, job_id=105, name="churn", model_type="ridge")
    change_model(resources, first, {"aliases": ["champion", "old"]})
    change_model(resources, other, {"aliases": ["champion"]})

    def found(**filters: str) -> list[int]:
        return [model.id for model in queries.list_models(resources, **filters).items]

    assert found() == [ridge, other, third, second, first]
    assert all(model.details == model.lineage == {} for model in queries.list_models(resources).items), (
        "they may be long"
    )
    assert queries.get_model(resources, ridge).lineage
    assert found(name="churn") == [ridge, third, second, first]
    assert found(name="churn", model_type="lightgbm") == [third, second, first]
    assert found(alias="champion") == [other, first]
    assert found(alias="champion", name="churn") == [first]
    assert found(alias="champion", model_type="ridge") == found(alias="nobody") == []
    page = queries.list_models(resources, alias="champion", limit=1)
    assert [model.id for model in queries.list_models(resources, alias="champion", cursor=page.next_cursor).items] == [
        first
    ]
    assert page.items[0].aliases == ("champion",)


def test_a_deleted_model_leaves_its_aliases_free(resources: Resources, versions: list[int]) -> None:
    first, second = versions[:2]
    change_model(resources, first, {"aliases": ["champion"]})
    delete_model(resources, first)
    assert queries.list_models(resources, alias="champion").items == []
    assert broken(resources.database) == []
    with pytest.raises(NotFound):
        change_model(resources, first, {"aliases": ["champion"]})
    change_model(resources, second, {"aliases": ["champion"]})
    assert aliases(resources, [second]) == [("champion",)]


def test_a_model_that_a_job_needs_is_not_deleted(resources: Resources, dataset_id: int, versions: list[int]) -> None:
    first, second, third, other = versions
    tested = submit_job(resources, a_test(first, dataset_id))
    [compared] = submit_batch(resources, [a_comparison([second, third], dataset_id)])
    for model_id in (first, second, third):
        with pytest.raises(Conflict, match=f"needs model {model_id}"):
            delete_model(resources, model_id)
    delete_model(resources, other)
    assert compared.job is not None
    for job_id in (tested.id, compared.job.id):
        request_cancel(resources, job_id)
    for model_id in (first, second, third):
        delete_model(resources, model_id)


def test_a_running_job_needs_its_model_until_it_ends(
    resources: Resources, dataset_id: int, versions: list[int], tmp_path: Path
) -> None:
    refused: list[str] = []

    def work(context: Any, job: Any, reporter: Any) -> Any:
        with pytest.raises(Conflict) as conflict:
            delete_model(resources, versions[0])
        refused.append(str(conflict.value))
        return train_at_once(context, job, reporter)

    submit_job(resources, a_test(versions[0], dataset_id))
    assert run_next(make_worker_context(resources.database, tmp_path, work))
    assert len(refused) == 1
    delete_model(resources, versions[0])


def test_a_model_deleted_between_check_and_insert_is_the_submitters_error(
    resources: Resources, dataset_id: int, versions: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_then_lose(resources: Resources, spec: Any) -> Any:
        found = check(resources, spec)
        if spec.job_type != "TRAIN" and versions[0] in spec.model_ids_by_pointer().values():
            with resources.database.write() as connection:
                results.mark_model_deleted(connection, versions[0])
        return found

    check = submit.check_job
    monkeypatch.setattr(submit, "check_job", check_then_lose)
    bodies = [api.train_spec(dataset_id), a_comparison([versions[1], versions[0]], dataset_id)]
    items = submit_batch(resources, bodies, idempotency_key="batch")
    assert [error.pointer for error in items[1].errors] == ["/model_ids/1"]
    assert [item.job is None for item in items] == [False, True]
    assert submit_batch(resources, bodies, idempotency_key="batch") == items
    with resources.database.write() as connection:
        connection.execute(text("UPDATE models SET deleted_at = NULL"))
    with pytest.raises(Invalid) as refused:
        submit_job(resources, a_test(versions[0], dataset_id), idempotency_key="one")
    assert [error.pointer for error in refused.value.errors] == ["/model_id"]
    assert [job.job_type for job in queries.list_jobs(resources).items] == [JobType.TRAIN]


def waits_for_a_lock(database: Database) -> bool:
    """Whether PostgreSQL lets somebody wait; for SQLite's one writer the driver waits, and tells nobody."""
    if database.dialect == "sqlite":
        return True
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with database.read() as connection:
        return bool(connection.execute(text(query)).scalar())


def checked(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set once a spec has passed the check of `submit`."""
    passed, check = threading.Event(), submit.check_job

    def check_and_tell(resources: Resources, spec: Any) -> Any:
        found = check(resources, spec)
        passed.set()
        return found

    monkeypatch.setattr(submit, "check_job", check_and_tell)
    return passed


def test_a_job_that_comes_while_its_model_goes_is_refused(
    resources: Resources, dataset_id: int, versions: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = checked(resources, monkeypatch)
    with ThreadPoolExecutor(1) as pool:
        with resources.database.write() as deletion:
            assert results.lock_models(deletion, [versions[0]], alone=True)
            results.mark_model_deleted(deletion, versions[0])
            submitting = pool.submit(submit_job, resources, a_test(versions[0], dataset_id))
            assert passed.wait(60)
            eventually(lambda: waits_for_a_lock(resources.database), what="the submitter waits for the deletion")
        with pytest.raises(Invalid, match="just been deleted"):
            submitting.result(30)
    assert queries.list_jobs(resources).items == []


def test_a_model_that_goes_while_a_job_comes_stays(resources: Resources, dataset_id: int, versions: list[int]) -> None:
    spec, _ = parse_spec(a_test(versions[0], dataset_id), max_runtime_seconds=60)
    assert spec is not None
    found = submit.check_job(resources, spec)
    with ThreadPoolExecutor(1) as pool:
        with resources.database.write() as submission:
            checked = Submission([CheckedSpec(spec, found)], None, "", is_batch=False, caller=SERVICE)
            [answer] = store(submission, resources, [checked])
            assert isinstance(answer, list)
            deleting = pool.submit(delete_model, resources, versions[0])
            eventually(lambda: waits_for_a_lock(resources.database), what="the deletion waits for the submission")
        with pytest.raises(Conflict, match="needs model"):
            deleting.result(30)
    assert [job.status for job in queries.list_jobs(resources).items] == [JobStatus.PENDING]
    assert broken(resources.database) == []


def test_the_invariants_see_a_model_that_went_too_early(
    resources: Resources, dataset_id: int, versions: list[int]
) -> None:
    submit_job(resources, a_test(versions[0], dataset_id))
    change_model(resources, versions[1], {"aliases": ["champion"]})
    assert broken(resources.database) == []
    with resources.database.write() as connection:
        for model_id in versions:
            results.mark_model_deleted(connection, model_id)
    assert [rule.split(":")[0] for rule in broken(resources.database)] == ["12", "13"]


def test_a_job_takes_what_it_named_along_when_it_is_removed(
    resources: Resources, dataset_id: int, versions: list[int]
) -> None:
    job = submit_job(resources, a_test(versions[0], dataset_id))
    with resources.database.write() as connection:
        assert uses_model(connection, versions[0])
        connection.execute(text("DELETE FROM jobs WHERE id = :id"), {"id": job.id})
        assert connection.execute(text("SELECT count(*) FROM job_models")).scalar() == 0


def trained(resources: Resources, dataset_id: int, body: dict[str, Any], directory: Path) -> Model:
    """The model that a real run of this spec makes."""
    from ml_training.execution.handlers.train import run_train

    job = submit_job(resources, body)
    context = make_worker_context(resources.database, directory, run_train)
    assert run_next(context)
    done = queries.get_job(resources, job.id)
    assert done.status is JobStatus.COMPLETED, done.error
    assert done.result_id is not None
    return queries.get_model(resources, done.result_id)


def test_the_spec_of_a_model_trains_the_same_model_again(resources: Resources, dataset_id: int, tmp_path: Path) -> None:
    body = api.train_spec(dataset_id, model_type="logistic_regression", features=["a", "b"], random_state=7)
    first = trained(resources, dataset_id, body, tmp_path / "storage")
    spec = train_spec(resources, first.id)
    again, errors = parse_spec(spec, max_runtime_seconds=resources.limits.runtime_seconds)
    assert again is not None, errors
    assert fingerprint(spec_json(again)) == fingerprint(spec)
    second = trained(resources, dataset_id, dict(spec), tmp_path / "storage")
    assert (second.name, second.version) == (first.name, 2)
    assert second.artifact_sha256 == first.artifact_sha256
