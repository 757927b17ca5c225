"""Calls every function that holds a statement of the product, on a filled database, and records what it executes."""

import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from itertools import chain, combinations
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, event

import ml_training.db
from ml_training.db import (
    aliases,
    audit,
    bulk_jobs,
    changes,
    checkpoints,
    claims,
    clock,
    datasets,
    heartbeats,
    idempotency,
    job_events,
    job_lists,
    job_models,
    jobs,
    keys,
    ledger,
    missing_objects,
    model_references,
    overview,
    project_counters,
    projects,
    queue_length,
    queue_place,
    removals,
    results,
    retention,
    reuse,
    schema_version,
    storage_identity,
    storage_references,
    sweep_holds,
    trials,
    untaken_jobs,
    uploads,
    versions,
    warm_starts,
)
from ml_training.db.idempotency import KeptAnswer
from ml_training.db.jobs import JobProgress
from ml_training.db.name_search import key_of
from ml_training.db.stats import Stats
from ml_training.domain.audit import AuditAction, AuditEntry
from ml_training.domain.caller import SERVICE
from ml_training.domain.changes import Position
from ml_training.domain.records import Comparison, DriftReport, Explanation, JobError, Prediction, Study, TestResult
from ml_training.domain.specs import JobType

Call = Callable[[Connection], object]
DAY = 86_400.0
OBJECT = "uploads/aa/" + "a" * 64
# They read everything, and say so: `make verify` checks all rows, a restore starts over, and the exporter adds up the
# storage once a minute.
READ_EVERYTHING = frozenset(
    {"invariants.broken_rows", "invariants.counter_gaps", "storage_references.needed_objects"}
    | {"Stats.stored_models", "Stats.stored_datasets", "changes.start_over"}
)
HELPERS = frozenset({"upsert.conflict_insert"})
# They change the schema, or copy whole tables.
CALLED_BY_OTHERS = frozenset({"change_triggers", "job_type_check", "migrate", "sqlite_definitions", "table_copies"})


def functions_with_statements() -> set[str]:
    """`module.function` of each public function below `ml_training.db` whose first parameter is a connection."""
    names = {f"Stats.{name}" for name in vars(Stats) if not name.startswith("_")} - {"Stats.now"}
    for info in pkgutil.iter_modules(ml_training.db.__path__):
        if not info.ispkg and info.name not in CALLED_BY_OTHERS:
            module = import_module(f"ml_training.db.{info.name}")
            names |= {f"{info.name}.{name}" for name in _public(module)}
    return names - HELPERS


def _public(module: ModuleType) -> Iterator[str]:
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == module.__name__ and not name.startswith("_"):
            first = next(iter(inspect.signature(function).parameters.values()), None)
            if first is not None and first.annotation is Connection:
                yield name


@contextmanager
def recorded(*, many_too: bool = False) -> Iterator[dict[str, Any]]:
    """Every statement that is executed in the block, with its last parameters; without those that insert many rows
    unless `many_too`."""
    found: dict[str, Any] = {}

    def record(_connection: object, _cursor: object, statement: str, values: Any, _context: object, many: bool) -> None:
        if many_too or not many:
            found[statement] = values

    event.listen(Engine, "before_cursor_execute", record)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", record)


def every_call(*, dataset_id: int, running: int, model_id: int) -> Mapping[str, list[Call]]:
    """The calls of each function; lists once for every combination of their filters."""
    row = {"job_type": "TRAIN", "model_type": "ridge", "spec": {}, "dataset_id": dataset_id, "priority": 5}
    row |= {"max_runtime_seconds": 1.0, "phases_count": 0}
    fence = {"job_id": running, "attempt": 1}
    progress = JobProgress(fraction=1.0, message="", eta_seconds=None, features_count=None)
    calls: dict[str, list[Call]] = {
        "clock.read_clock": [clock.read_clock],
        "queue_length.count_pending": [queue_length.count_pending],
        "queue_length.read_queue": [queue_length.read_queue],
        "versions.next_version": [lambda c: versions.next_version(c, "model", "bench")],
        "versions.lock_versions": [lambda c: versions.lock_versions(c, "model", "bench")],
        "jobs.insert_job": [lambda c: jobs.insert_job(c, **row)],
        "jobs.insert_jobs": [lambda c: jobs.insert_jobs(c, [row], now=0.0)],
        "jobs.get_job": [lambda c: jobs.get_job(c, running)],
        "jobs.get_jobs": [lambda c: jobs.get_jobs(c, [running])],
        "job_lists.list_jobs": [
            *_lists(job_lists.list_jobs, status="PENDING", job_type="COMPARE", model_type="mlp"),
            *_lists(job_lists.list_jobs, status="PENDING", job_type="COMPARE", dataset_id=dataset_id),
            *_lists(job_lists.list_jobs, status="PENDING", model_name="bench"),
            *_lists(job_lists.list_jobs, parent_id=running),
        ],
        "job_lists.search_jobs": _searches(job_lists.search_jobs, status=(None, "PENDING", "RUNNING")),
        "job_lists.running_progress": [lambda c: job_lists.running_progress(c, limit=200)],
        "jobs.ended_since": [
            lambda c: jobs.ended_since(c, 600.0, at_most=100),
            lambda c: jobs.ended_since(c, 600.0, at_most=100, of_all=True),
        ],
        "claims.count_due": [lambda c: claims.count_due(c, at_most=20)],
        "claims.claim_next": [lambda c: claims.claim_next(c, worker="w", lease_seconds=30.0), _claim_when_empty],
        "jobs.read_stop_signals": [lambda c: jobs.read_stop_signals(c, **fence)],
        "jobs.lock_attempt": [lambda c: jobs.lock_attempt(c, **fence)],
        "jobs.renew": [lambda c: jobs.renew(c, **fence, lease_seconds=30.0, progress=progress)],
        "jobs.complete": [lambda c: jobs.complete(c, **fence, result_id=1, rows_used=1, features_count=1)],
        "jobs.fail": [lambda c: jobs.fail(c, **fence, error=JobError("integrity", "", ""))],
        "jobs.cancel_running": [lambda c: jobs.cancel_running(c, **fence)],
        "jobs.hand_back": [lambda c: jobs.hand_back(c, **fence, delay=1.0, message="")],
        "jobs.wait_for_children": [
            lambda c: jobs.wait_for_children(c, **fence, new_children=2, progress=0.5, message="")
        ],
        "jobs.request_cancel": [lambda c: jobs.request_cancel(c, running)],
        "jobs.has_expired_lease": [lambda c: jobs.has_expired_lease(c)],
        "jobs.expired_leases": [lambda c: jobs.expired_leases(c, limit=100)],
        "jobs.uses_dataset": [lambda c: jobs.uses_dataset(c, dataset_id + 1)],
        "jobs.live_ingest": [lambda c: jobs.live_ingest(c, dataset_id)],
    }
    calls |= _of_changes() | _of_jobs(running) | _of_trials(running)
    return calls | _of_results(dataset_id, model_id) | _of_the_rest(dataset_id)


def _of_jobs(running: int) -> dict[str, list[Call]]:
    event = [("log", {"line": "hello"})]
    return {
        "job_events.append_events": [lambda c: job_events.append_events(c, job_id=running, attempt=1, events=event)],
        "job_events.read_events": [lambda c: job_events.read_events(c, running, after=0, limit=100)],
        "job_events.read_log": [lambda c: job_events.read_log(c, running, after=0, limit=100)],
        "job_models.record_models": [lambda c: job_models.record_models(c, [(running, 1)])],
        "job_models.uses_model": [lambda c: job_models.uses_model(c, 2)],
        "checkpoints.insert_checkpoint": [
            lambda c: checkpoints.insert_checkpoint(
                c, job_id=running, attempt=1, done=1, key="k", sha256="0" * 64, bytes=1
            )
        ],
        "checkpoints.hand_over_states": [lambda c: checkpoints.hand_over_states(c, running, {running: running})],
        "checkpoints.list_checkpoints": [lambda c: checkpoints.list_checkpoints(c, running)],
        "ledger.fold": [lambda c: ledger.fold(c, limit=100)],
        "ledger.count_reuse": [lambda c: ledger.count_reuse(c, "TRAIN")],
        "reuse.equal_models": [lambda c: reuse.equal_models(c, "0")],
        "reuse.equal_predictions": [lambda c: reuse.equal_predictions(c, "0")],
        "warm_starts.earlier_studies": [lambda c: warm_starts.earlier_studies(c, "0")],
        "warm_starts.store_warm_start": [lambda c: warm_starts.store_warm_start(c, running, [])],
        "warm_starts.read_warm_start": [lambda c: warm_starts.read_warm_start(c, running)],
        "reuse.equal_trial": [lambda c: reuse.equal_trial(c, "0")],
        "ledger.count_dropped_entries": [lambda c: ledger.count_dropped_entries(c, 3)],
        "ledger.count_refused_write": [lambda c: ledger.count_refused_write(c, "lease")],
        "ledger.charge_lost_attempt": [
            lambda c: ledger.charge_lost_attempt(c, job_id=running, attempt=1, reason="worker_lost")
        ],
        "ledger.forgive_losses": [lambda c: ledger.forgive_losses(c, running)],
        "ledger.was_lost": [lambda c: ledger.was_lost(c, job_id=running, attempt=1)],
        "retention.forget_jobs": [lambda c: retention.forget_jobs(c, older_than_seconds=29.99 * DAY, limit=100)],
        "retention.forget_keys": [lambda c: retention.forget_keys(c, older_than_seconds=DAY, limit=100)],
        "idempotency.find_answer": [lambda c: idempotency.find_answer(c, "k")],
        "idempotency.taken_keys": [lambda c: idempotency.taken_keys(c, ["k"])],
        "idempotency.keep_answers": [lambda c: idempotency.keep_answers(c, {"k": KeptAnswer("f", [])})],
    }


def _of_changes() -> dict[str, list[Call]]:
    here = Position(1, 0)
    return {
        "job_lists.list_ids": [lambda c: job_lists.list_ids(c, {"status": "FAILED"}, limit=1_000)],
        "bulk_jobs.read_facts": [lambda c: bulk_jobs.read_facts(c, range(1, 1_001))],
        "bulk_jobs.find_jobs": [
            lambda c: bulk_jobs.find_jobs(c, {"model_type": "mlp"}, statuses=("PENDING", "RUNNING"), limit=1_000),
            lambda c: bulk_jobs.find_jobs(c, {"parent_id": 1}, statuses=("PENDING", "RUNNING"), limit=1_000),
        ],
        "bulk_jobs.request_cancels": [lambda c: bulk_jobs.request_cancels(c, range(1, 1_001))],
        "overview.recent_ends": [lambda c: overview.recent_ends(c, seconds=1e9, at_most=1_000)],
        "overview.count_waiting_studies": [lambda c: overview.count_waiting_studies(c, at_most=1_000)],
        "overview.oldest_pending": [overview.oldest_pending],
        "overview.running_on_workers": [lambda c: overview.running_on_workers(c, at_most=1_000)],
        "changes.settled": [changes.settled],
        "changes.newest_position": [lambda c: changes.newest_position(c, up_to=10**9)],
        "changes.is_known": [lambda c: changes.is_known(c, here)],
        "changes.has_news": [lambda c: changes.has_news(c, here, up_to=10**9)],
        "changes.read_changes": [lambda c: changes.read_changes(c, here, up_to=10**9, limit=1_000)],
        "changes.forget_changes": [lambda c: changes.forget_changes(c, older_than_seconds=-DAY, limit=1_000)],
    }


def _of_trials(running: int) -> dict[str, list[Call]]:
    made = {1: (10**9, {"/params/C": 1.0})}
    return {
        "trials.insert_trials": [lambda c: trials.insert_trials(c, running, made, {})],
        "trials.list_trials": [lambda c: trials.list_trials(c, running, after=0, limit=50)],
        "trials.newest_child": [lambda c: trials.newest_child(c, running)],
        "trials.record_score": [
            lambda c: (
                trials.insert_trials(c, running, made, {}),
                trials.record_score(c, job_id=10**9, attempt=1, score=0.5, scores={}),
            )
        ],
    }


def _of_results(dataset_id: int, model_id: int) -> dict[str, list[Call]]:
    ids = {"job_id": 10**9, "attempt": 1, "dataset_id": dataset_id}
    tested = {**ids, "model_id": model_id, "rows": 1, "scores": {}, "overlap": False, "degradation": {}}
    model = {**ids, "name": "n", "model_type": "ridge", "task": "binary", "dataset_sha256": "", "artifact_key": "k"}
    model |= {"artifact_sha256": "", "artifact_bytes": 1, "scores": {}, "details": {}, "lineage": {}}
    predicted = {
        **ids,
        "model_id": model_id,
        "rows": 1,
        "file_format": "csv",
        "object_key": "k",
        "sha256": "",
        "bytes": 1,
    }
    every = (TestResult, Comparison, Prediction, Explanation, DriftReport, Study)
    found = {**ids, "best_model_id": model_id, "metric": "f1", "sampler": "tpe", "trials": 1, "failed_trials": 0}
    found |= {"best_trial": 1, "best_score": 0.5, "stopped_by": "trials", "details": {}}
    explained = {**ids, "model_id": model_id, "rows": 1, "details": {}, "lineage": {}}
    return {
        "results.insert_result": [
            lambda c: results.insert_result(c, TestResult, **tested, overfitted=None, accuracy=None, details={}),
            lambda c: results.insert_result(c, Prediction, **predicted, details={}, lineage={}),
            lambda c: results.insert_result(c, Study, **found),
            lambda c: results.insert_result(c, Explanation, **explained),
            lambda c: results.insert_result(c, DriftReport, **explained, weighted_psi=0.1, drifted=False),
        ],
        "results.get_result": [lambda c, of=record: results.get_result(c, of, 1) for record in every],  # type: ignore[misc]
        "results.list_results": [
            call
            for record in every
            for call in _lists(lambda c, _, of=record, **page: results.list_results(c, of, **page))
        ],
        "results.insert_model": [lambda c: results.insert_model(c, **model, train_accuracy=None, test_accuracy=None)],
        "results.get_model": [lambda c: results.get_model(c, model_id)],
        "results.list_models": [
            *_lists(results.list_models, name="bench", model_type="mlp", alias="champion"),
            *_lists(results.list_models, dataset_id=dataset_id, model_type="mlp"),
            *_lists(results.list_models, tag="eu"),
        ],
        "results.search_models": _searches(results.search_models, model_type=(None, "mlp")),
        "results.search_studies": _searches(results.search_studies),
        "results.lock_name": [lambda c: results.lock_name(c, "bench")],
        "results.lock_models": [lambda c: results.lock_models(c, [1, 2], alone=False)],
        "results.existing_models": [lambda c: results.existing_models(c, [1, 2])],
        "results.describe_model": [lambda c: results.describe_model(c, model_id, description="d")],
        "results.set_test_accuracy": [lambda c: results.set_test_accuracy(c, model_id, 0.5)],
        "results.set_drift": [lambda c: results.set_drift(c, model_id, 0.5)],
        "results.prediction_of_job": [lambda c: results.prediction_of_job(c, 1)],
        "results.mark_result_deleted": [
            lambda c: results.mark_result_deleted(c, Prediction, 1),
            lambda c: results.mark_result_deleted(c, Explanation, 1),
        ],
        "results.newest_explanation": [lambda c: results.newest_explanation(c, model_id)],
        "model_references.find_version": [
            lambda c, alias=alias: model_references.find_version(c, "bench", alias)  # type: ignore[misc]
            for alias in (None, "best")
        ],
        "results.mark_model_deleted": [lambda c: results.mark_model_deleted(c, model_id)],
        "aliases.aliases_of": [lambda c: aliases.aliases_of(c, [1, 2])],
        "aliases.set_aliases": [
            lambda c: aliases.set_aliases(c, name="bench", model_id=model_id, version=1, aliases=["best"])
        ],
        "aliases.drop_aliases": [lambda c: aliases.drop_aliases(c, name="bench", model_id=model_id)],
        "aliases.list_alias_moves": [lambda c: aliases.list_alias_moves(c, "bench")],
    }


def _of_the_rest(dataset_id: int) -> dict[str, list[Call]]:
    upload = {"name": "d", "file_format": "csv", "raw_key": "k", "raw_sha256": "0", "raw_bytes": 1}
    upload |= {"time_column": None, "phase_column": None, "group_column": None}
    ready = {"index_key": "k", "index_sha256": "", "index_bytes": 1, "rows": 1, "columns": 1, "profile": {}}
    beat = {"process": "p", "kind": "worker", "body": {}}
    return _of_access() | {
        "datasets.insert_dataset": [lambda c: datasets.insert_dataset(c, **upload)],
        "datasets.attach_job": [lambda c: datasets.attach_job(c, dataset_id, 1)],
        "datasets.get_dataset": [lambda c: datasets.get_dataset(c, dataset_id)],
        "datasets.lock_datasets": [lambda c: datasets.lock_datasets(c, [dataset_id], alone=True)],
        "datasets.existing_datasets": [lambda c: datasets.existing_datasets(c, [dataset_id])],
        "datasets.list_datasets": list(_lists(datasets.list_datasets, name="d", status="READY")),
        "datasets.search_datasets": _searches(datasets.search_datasets, status=(None, "READY")),
        "datasets.find_upload": [lambda c: datasets.find_upload(c, "0" * 64, file_format="csv")],
        "datasets.newest_from": [lambda c: datasets.newest_from(c, "d", "0" * 64)],
        "datasets.mark_ready": [lambda c: datasets.mark_ready(c, dataset_id, **ready)],
        "datasets.mark_rejected": [lambda c: datasets.mark_rejected(c, dataset_id, [])],
        "datasets.mark_deleted": [lambda c: datasets.mark_deleted(c, dataset_id)],
        "heartbeats.write_heartbeat": [lambda c: heartbeats.write_heartbeat(c, **beat, is_new=True)],
        "heartbeats.mark_draining": [lambda c: heartbeats.mark_draining(c, "p")],
        "heartbeats.list_heartbeats": [lambda c: heartbeats.list_heartbeats(c, kind="worker", within_seconds=30.0)],
        "heartbeats.delete_heartbeat": [lambda c: heartbeats.delete_heartbeat(c, "p")],
        "heartbeats.delete_old_heartbeats": [lambda c: heartbeats.delete_old_heartbeats(c, older_than_seconds=DAY)],
        "heartbeats.count_slots": [lambda c: heartbeats.count_slots(c, within_seconds=30.0)],
        "heartbeats.taking_bodies": [lambda c: heartbeats.taking_bodies(c, within_seconds=60)],
        "heartbeats.has_other_worker": [lambda c: heartbeats.has_other_worker(c, "p", within_seconds=30.0)],
        "heartbeats.older_processes": [lambda c: heartbeats.older_processes(c, schema="0010", within_seconds=30.0)],
        "heartbeats.taking_workers": [lambda c: heartbeats.taking_workers(c, 30.0)],
        "heartbeats.storage_troubles": [lambda c: heartbeats.storage_troubles(c, within_seconds=30.0)],
        "missing_objects.missed_by": [lambda c: missing_objects.missed_by(c, 1)],
        "missing_objects.record_miss": [lambda c: missing_objects.record_miss(c, job_id=1, attempt=1, worker="w")],
        "queue_place.count_before": [
            lambda c: queue_place.count_before(c, priority=5, job_id=None, at_most=1_000),
            lambda c: queue_place.count_before(c, priority=5, job_id=10**9, at_most=1_000),
        ],
        "untaken_jobs.untaken_slots": [
            lambda c: untaken_jobs.untaken_slots(c, seconds=-1e12, alive_seconds=30.0),
            lambda c: untaken_jobs.untaken_slots(c, seconds=0.0, alive_seconds=30.0),
        ],
        "queue_place.count_running": [lambda c: queue_place.count_running(c, at_most=100)],
        "queue_place.seconds_until": [lambda c: queue_place.seconds_until(c, 1e9)],
        "queue_place.recent_runs": [
            lambda c: queue_place.recent_runs(c, job_type=JobType.TRAIN, model_type="mlp", limit=100)
        ],
        "project_counters.read_usage": [project_counters.read_usage],
        "projects.insert_project": [lambda c: projects.insert_project(c, "new", {"pending_jobs": 7})],
        "projects.set_quotas": [lambda c: projects.set_quotas(c, 1, {"pending_jobs": 7})],
        "projects.get_project": [lambda c: projects.get_project(c, 1)],
        "projects.find_project": [lambda c: projects.find_project(c, "default")],
        "projects.own_name": [projects.own_name],
        "projects.list_projects": list(_lists(lambda c, _, **page: projects.list_projects(c, **page))),
        "projects.read_quotas": [lambda c: projects.read_quotas(c, lock=True)],
        "projects.submitted_at": [lambda c: projects.submitted_at(c, number=600)],
        "storage_identity.read_identity": [storage_identity.read_identity],
        "storage_identity.lock_identity": [storage_identity.lock_identity],
        "storage_identity.record_identity": [lambda c: storage_identity.record_identity(c, "0" * 32)],
        "storage_identity.is_former": [lambda c: storage_identity.is_former(c, "0" * 32)],
        "storage_identity.replace_identity": [lambda c: storage_identity.replace_identity(c, "1" * 32)],
        "storage_identity.newest_uploads": [lambda c: storage_identity.newest_uploads(c, limit=20)],
        "storage_references.named_keys": [lambda c: storage_references.named_keys(c, [OBJECT])],
        **_of_removals(),
        "schema_version.schema_version": [schema_version.schema_version],
        "Stats.ledger": [lambda c: Stats(c).ledger()],
        "Stats.jobs": [lambda c: Stats(c).jobs(limit=10**6, finished_within=60.0)],
        "Stats.projects": [lambda c: Stats(c).projects(["default", "unknown"])],
        "Stats.live_jobs": [lambda c: Stats(c).live_jobs()],
        "Stats.running_losses": [lambda c: Stats(c).running_losses(limit=200)],
        "Stats.busy_slots": [lambda c: Stats(c).busy_slots()],
        "Stats.shown_models": [lambda c: Stats(c).shown_models(newest=20, aliased=20)],
        "Stats.scores_of": [lambda c: Stats(c).scores_of([1, 2])],
        "Stats.heartbeats": [lambda c: Stats(c).heartbeats(within=30.0, limit=100)],
    }


def _of_removals() -> dict[str, list[Call]]:
    begin = {"sweep": "s", "older_than_seconds": -DAY, "limit": 100}
    return {
        "removals.count_removals": [removals.count_removals],
        "removals.keep_objects": [lambda c: removals.keep_objects(c, [OBJECT], put_after=0)],
        "removals.mark_unnamed": [lambda c: removals.mark_unnamed(c, [OBJECT])],
        "removals.begin_removals": [
            lambda c: (removals.mark_unnamed(c, [OBJECT]), removals.begin_removals(c, **begin)),
        ],
        "removals.end_removals": [lambda c: removals.end_removals(c, [OBJECT], sweep="s")],
        "removals.give_back": [lambda c: removals.give_back(c, [OBJECT], sweep="s")],
        "removals.forget_removals": [lambda c: removals.forget_removals(c, limit=100)],
        "removals.refuse_earlier_puts": [removals.refuse_earlier_puts],
        "removals.record_sweep": [lambda c: removals.record_sweep(c, started_at=0.0)],
        "removals.last_sweep": [removals.last_sweep],
        "removals.unnamed_since": [lambda c: removals.unnamed_since(c, [OBJECT])],
        "removals.lock_sweeps": [removals.lock_sweeps],
        "sweep_holds.hold_sweeps": [lambda c: sweep_holds.hold_sweeps(c, "h", seconds=60.0)],
        "sweep_holds.renew_hold": [lambda c: sweep_holds.renew_hold(c, "h", seconds=60.0)],
        "sweep_holds.release_hold": [lambda c: sweep_holds.release_hold(c, "h")],
    }


def _of_access() -> dict[str, list[Call]]:
    key = {"secret_sha256": "0", "role": "viewer", "project_id": 1, "name": "n", "expires_at": None}
    entry = AuditEntry(AuditAction.JOB_SUBMIT, SERVICE, (1,))
    return {
        "keys.insert_key": [lambda c: keys.insert_key(c, key_id="a", **key)],
        "keys.insert_key_once": [lambda c: keys.insert_key_once(c, key_id="a", **key)],
        "keys.get_key": [lambda c: keys.get_key(c, "a")],
        "keys.list_keys": list(_pages(keys.list_keys)),
        "keys.revoke_key": [lambda c: keys.revoke_key(c, "a")],
        "keys.end_sessions": [lambda c: keys.end_sessions(c, "person_a", keep=1)],
        "keys.read_changes": [keys.read_changes],
        "keys.valid_keys": [keys.valid_keys],
        "keys.record_uses": [lambda c: keys.record_uses(c, {"a": 1.0})],
        "audit.add_entries": [lambda c: audit.add_entries(c, [entry])],
        "audit.list_audit": list(_pages(audit.list_audit)),
        "uploads.insert_upload": [
            lambda c: uploads.insert_upload(c, file_name="d.csv", sha256=None, bytes=1, created_by=None)
        ],
        "uploads.get_upload": [lambda c: uploads.get_upload(c, 1)],
        "uploads.open_uploads": [lambda c: uploads.open_uploads(c, limit=100)],
        "uploads.bytes_of_open_uploads": [uploads.bytes_of_open_uploads],
        "uploads.add_piece": [_add_piece],
        "uploads.pieces_of": [lambda c: uploads.pieces_of(c, 1)],
        "uploads.end_upload": [_end_upload],
        "uploads.delete_upload": [lambda c: uploads.delete_upload(c, 1)],
        "uploads.forget_uploads": [
            lambda c, age=age: uploads.forget_uploads(c, older_than_seconds=age, limit=100)  # type: ignore[misc]
            for age in (DAY, 1e9)
        ],
        "audit.forget_audit": [
            lambda c, age=age: audit.forget_audit(c, older_than_seconds=age, limit=100)  # type: ignore[misc]
            for age in (DAY, 1e9)
        ],
    }


def _add_piece(connection: Connection) -> None:
    upload = uploads.insert_upload(connection, file_name="d.csv", sha256=None, bytes=1, created_by=None)
    piece = uploads.Piece(OBJECT, "0" * 64, 1)
    assert uploads.add_piece(connection, upload.id, first_byte=0, piece=piece, put_after=None)


def _end_upload(connection: Connection) -> None:
    upload = uploads.insert_upload(connection, file_name="d.csv", sha256=None, bytes=0, created_by=None)
    assert uploads.end_upload(connection, upload.id, dataset_id=1, request_sha256="0" * 64)


def _pages(read: Callable[..., object]) -> Iterator[Call]:
    for before in (None, 10**6):
        yield lambda c, before=before: read(c, before_id=before, limit=51)  # type: ignore[misc]


def _searches(search: Callable[..., object], **choice: tuple[object, ...]) -> list[Call]:
    chosen = [{name: value} for name, values in choice.items() for value in values] or [{}]
    places = [("b", None), ("BENCH", key_of("bench", 10**6)), ("bench", key_of("bench", 7))]
    return [
        lambda c, one=one, beginning=beginning, after=after: search(c, beginning, **one, after=after, limit=51)  # type: ignore[misc]
        for one in chosen
        for beginning, after in places
    ]


def _lists(read: Callable[..., object], **filters: object) -> Iterator[Call]:
    names = chain.from_iterable(combinations(filters, size) for size in range(len(filters) + 1))
    for chosen in [{name: filters[name] for name in subset} for subset in names]:
        for before in (None, 10**6):
            yield lambda c, chosen=chosen, before=before: read(c, chosen, before_id=before, limit=51)  # type: ignore[misc]
        if "oldest" in signature(read).parameters:
            yield lambda c, chosen=chosen: read(c, chosen, before_id=7, limit=51, oldest=True)  # type: ignore[misc]


def _claim_when_empty(connection: Connection) -> None:
    connection.exec_driver_sql("DELETE FROM jobs WHERE status = 'PENDING'")
    assert claims.claim_next(connection, worker="w", lease_seconds=30.0) is None
