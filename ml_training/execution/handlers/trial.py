"""The handler of TRIAL: scores one set of parameters of a study; no model is kept."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from ml_training.db import checkpoints, reuse, trials
from ml_training.domain.records import Job
from ml_training.domain.tune_spec import TrialSpec
from ml_training.execution.checkpoints import load_checkpoint
from ml_training.execution.handlers.common import open_data, planned, spec_of
from ml_training.execution.inputs import load_dataset
from ml_training.execution.job_handler import JobOutcome, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.reuse import tell_reuse
from ml_training.execution.reuse_key import training_key
from ml_training.execution.transitions import AttemptFence
from ml_training.process.counted_put import counted_put
from ml_training.selection.plan import plan_train
from ml_training.storage.base import ObjectKind
from ml_training.training import engine
from ml_training.training.binned import BinnedCache
from ml_training.training.fit_states import FitStates


def run_trial(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome:
    """Fit and score the splits of one trial, or take the scores of an equal one if the study wants that."""
    spec = spec_of(job, TrialSpec)
    if spec.train.reuse and (reused := _reused(context, spec, reporter)) is not None:
        return reused
    may_continue = job.attempt > 1 or spec.continues is not None
    states = FitStates(spec.train) if spec.keeps_state else None
    with context.binned_rows.session() as binned:
        with open_data(context, spec.train.dataset_id) as (dataset, index):
            plan = planned(lambda: plan_train(spec.train, index))
            scores = engine.evaluate(
                plan,
                reporter=reporter,
                cores=context.cores,
                checkpoint=load_checkpoint(context.database, context.storage, job.id) if may_continue else None,
                binned=BinnedCache(binned, dataset.index_sha256 or ""),
                states=states,
            )
        binned.publish()
    state = None if states is None else _stored_state(context, job, states)
    store = _storing(spec, scores["held_out"], training_key(spec.train, dataset), state)
    return JobOutcome(store=store, rows_used=len(plan.labels.rows))


def _reused(context: WorkerContext, spec: TrialSpec, reporter: JobReporter) -> JobOutcome | None:
    """The scores of an equal trial, which are what this one would reach; None when there is none."""
    key = training_key(spec.train, load_dataset(context.database, spec.train.dataset_id))
    with context.database.read() as connection:
        found = reuse.equal_trial(connection, key)
    if found is None:
        return None
    job_id, scores = found
    tell_reuse(reporter, job_id)
    return JobOutcome(store=_storing(spec, scores, key), rows_used=0, reused_from=job_id)


def _stored_state(context: WorkerContext, job: Job, states: FitStates) -> dict[str, Any] | None:
    """Store the states of all fits for the trial that continues this one; what their row says of them.

    None when one could not be kept: then that trial starts from the beginning, and ends with the same scores.
    """
    packed = states.pack()
    if packed is None:
        return None
    stored = counted_put(context.database, lambda: context.storage.put_bytes(ObjectKind.CHECKPOINT, packed))
    return {
        "done": states.done,
        "key": stored.key,
        "sha256": stored.sha256,
        "bytes": stored.size,
        "put_after": stored.put_after,
        "study_job_id": job.parent_id,
    }


def _storing(
    spec: TrialSpec, held_out: Mapping[str, Any], reuse_key: str, state: Mapping[str, Any] | None = None
) -> Callable[[Connection, AttemptFence], int]:
    """What stores the scores in the row of the trial, and the state from which another one continues."""
    score = held_out.get(spec.metric)

    def store(connection: Connection, fence: AttemptFence) -> int:
        fenced = {"job_id": fence.job_id, "attempt": fence.attempt}
        if state is not None:
            checkpoints.insert_checkpoint(connection, **fenced, **state)
        return trials.record_score(connection, **fenced, score=score, scores=held_out, reuse_key=reuse_key)

    return store
