"""The handler of TUNE: one step of a study. It makes the next trials, or the training of the model, or the result.

A step is short, and it decides from rows alone: so a step that is repeated decides the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from ml_training.db import checkpoints, jobs, results, trials, warm_starts
from ml_training.db.clock import read_clock
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.halving import final_values, furthest, newest, rows_expected, to_continue, values_at, with_rungs
from ml_training.domain.records import Job, Study
from ml_training.domain.search_space import SearchSpace, parse_trial, search_space, winner_spec
from ml_training.domain.specs import JobType, TrainSpec, spec_json
from ml_training.domain.states import JobStatus
from ml_training.domain.study_steps import StoppedBy, Trial, best_trial, chosen_trial, stopped_by, trials_allowed
from ml_training.domain.tune_spec import MOST_TRIALS, TrialSpec, TuneSpec, Values
from ml_training.execution.handlers import warm_start
from ml_training.execution.handlers.common import spec_of
from ml_training.execution.job_handler import JobOutcome, JobWaits, WorkerContext
from ml_training.execution.job_reporter import JobReporter
from ml_training.execution.lease import TIMEOUT
from ml_training.execution.transitions import AttemptFence
from ml_training.training.parameter_sampler import importances, next_values

MOST_ROWS = 2 * MOST_TRIALS  # of those that begin at most half continue, of these at most half, and so on
SEARCHED = 0.95  # the share of a study that is done when its trials have ended: the training of the model remains


@dataclass(frozen=True, slots=True)
class _Study:
    """What the rows say about a study; winner: the job that trains its model, once the trials are over."""

    job: Job
    spec: TuneSpec
    space: SearchSpace
    trials: Sequence[Trial]
    winner: Job | None
    seconds: float  # since it has started
    taken: list[dict[str, Any]] | None  # the trials of earlier studies that it has begun with; None before

    @property
    def allowed(self) -> int:
        """How many trials there are at most."""
        return trials_allowed(self.spec, self.space.grid_points() if self.spec.sampler == "grid" else 0)

    @property
    def begun(self) -> int:
        """How many trials there are that continue no other one."""
        return sum(trial.continues is None for trial in self.trials)

    @property
    def expected(self) -> int:
        """How many trials there will be, with those that continue others, unless a rule stops the study."""
        return rows_expected(self.spec, self.allowed)

    @property
    def stopped_by(self) -> StoppedBy | None:
        """Why there are no more trials; None when there are."""
        return stopped_by(self.spec, self.trials, allowed=self.allowed, seconds=self.seconds)

    @property
    def progress(self) -> float:
        """The share that is done: trials that have ended."""
        ended = sum(trial.status is not None for trial in self.trials)
        return SEARCHED if self.winner else SEARCHED * min(1.0, ended / self.expected)


def run_tune(context: WorkerContext, job: Job, reporter: JobReporter) -> JobOutcome | JobWaits:
    """One step of a study; raises JobFailed when it cannot have a model."""
    study = _read(context, job)
    reporter.progress(study.progress, "choosing what to try next")
    if study.winner is not None and study.winner.status.is_terminal:
        return _finished(context, study, study.winner, reporter)
    if study.seconds > job.max_runtime_seconds:
        raise JobFailed(ErrorCode(TIMEOUT.code), TIMEOUT.message, hint="raise max_runtime_seconds, or try fewer trials")
    if study.winner is not None or any(trial.status is None for trial in study.trials):
        return JobWaits(lambda _connection, _fence: 0, study.progress, job.progress_message)
    _log_ended(study, reporter)
    if promoted := to_continue(study.spec, study.trials):
        return _continued(study, promoted)
    reason = study.stopped_by
    return _next_trials(_warmed(context, study, reporter)) if reason is None else _train_winner(study, reason, reporter)


def _read(context: WorkerContext, job: Job) -> _Study:
    spec = spec_of(job, TuneSpec)
    with context.database.read() as connection:
        found = trials.list_trials(connection, job.id, after=0, limit=MOST_ROWS)
        newest = trials.newest_child(connection, job.id)
        child = None if newest is None else jobs.get_job(connection, newest)
        now = read_clock(connection)
    winner = child if child is not None and child.job_type is JobType.TRAIN else None
    taken = warm_start.taken_before(context, job) if spec.warm_start else None
    return _Study(job, spec, search_space(spec), with_rungs(found), winner, now - (job.started_at or now), taken)


def _log_ended(study: _Study, reporter: JobReporter) -> None:
    """The trials of the last step, in the log of the study."""
    best = best_trial(study.spec.metric, study.trials)
    for trial in newest(study.spec, study.trials):
        reached = f"{study.spec.metric} {trial.score:.6g}" if trial.score is not None else trial.error or "no score"
        leads = " (the best so far)" if trial == best else ""
        reporter.log(f"trial {trial.number}: {trial.status}, {reached}{leads}")


def _warmed(context: WorkerContext, study: _Study, reporter: JobReporter) -> _Study:
    """The study with the trials of earlier ones, if it begins with them: they are found once, at its first step."""
    if not study.spec.warm_start or study.taken is not None:
        return study
    taken = warm_start.find_earlier(context, study.job, study.spec, study.space)
    said = warm_start.told(taken)
    reporter.log(f"begins with {said['trials']} trials of {len(said['studies'])} earlier studies")
    return replace(study, taken=taken)


def _next_trials(study: _Study) -> JobWaits:
    spec = study.spec
    count = min(spec.generation, study.allowed - study.begun)
    earlier = warm_start.as_trials(study.taken)
    values = next_values(spec, study.space, furthest(study.trials), count=count, earlier=earlier)
    return _made(study, [(values_at(spec, one, 0), None) for one in values])


def _continued(study: _Study, promoted: Sequence[Trial]) -> JobWaits:
    """The next rung: the best trials of the last one again, with more rounds, each from where it ended."""
    return _made(study, [(values_at(study.spec, one.values, one.rung + 1), one) for one in promoted])


def _made(study: _Study, chosen: Sequence[tuple[Values, Trial | None]]) -> JobWaits:
    """The next trials: what each tries, and which one it continues."""
    first = len(study.trials) + 1
    numbered = dict(enumerate(chosen, start=first))
    rows = [_trial_row(study, number, values, before) for number, (values, before) in numbered.items()]
    continues = {number: before.number for number, (_, before) in numbered.items() if before is not None}

    def store(connection: Connection, fence: AttemptFence) -> int:
        if study.taken is not None and first == 1:
            warm_starts.store_warm_start(connection, fence.job_id, study.taken)
        made = jobs.insert_jobs(connection, rows, now=read_clock(connection))
        ids = {number: one.id for number, one in zip(numbered, made, strict=True)}
        tried = {number: (ids[number], values) for number, (values, _) in numbered.items()}
        trials.insert_trials(connection, fence.job_id, tried, continues)
        if study.spec.halving is not None:
            heirs = {before.job_id: ids[number] for number, (_, before) in numbered.items() if before is not None}
            checkpoints.hand_over_states(connection, fence.job_id, heirs)
        return len(made)

    message = f"trials {first} to {first + len(rows) - 1} of {study.expected}"
    return JobWaits(store, study.progress, message)


def _trial_row(study: _Study, number: int, values: Values, before: Trial | None) -> dict[str, Any]:
    train, errors = parse_trial(study.spec, values)
    if train is None:  # cannot be: the submission tried every pair of choices
        raise JobFailed(ErrorCode.BAD_SPEC, f"trial {number}: {errors[0].pointer}: {errors[0].detail}")
    train = train.model_copy(update={"keep_out_of_fold": False})
    halving, rung = study.spec.halving, 0 if before is None else before.rung + 1
    spec = TrialSpec(
        job_type="TRIAL",
        number=number,
        metric=study.spec.metric,
        train=train,
        continues=None if before is None else before.number,
        keeps_state=halving is not None and rung < halving.rungs - 1,
    )
    return _child_row(study, JobType.TRIAL, train, spec_json(spec))


def _child_row(study: _Study, job_type: JobType, train: TrainSpec, spec: dict[str, Any]) -> dict[str, Any]:
    job = study.job
    return {
        "job_type": job_type,
        "model_type": train.model_type.value,
        "spec": spec,
        "dataset_id": train.dataset_id,
        "priority": job.priority,
        "max_runtime_seconds": job.max_runtime_seconds,
        "phases_count": job.phases_count,
        "warnings": list(job.warnings) if job_type is JobType.TRAIN else [],
        "created_by": job.created_by,
        "parent_id": job.id,
    }


def _train_winner(study: _Study, reason: StoppedBy, reporter: JobReporter) -> JobWaits:
    best = chosen_trial(study.spec.metric, study.trials)
    if best is None:
        first = next((trial.error for trial in study.trials if trial.error), None)
        raise JobFailed(
            ErrorCode.NO_TRIAL_COMPLETED,
            f"none of {len(study.trials)} trials is COMPLETED; the first error: {first or 'none'}",
            hint="look at the jobs of the study: GET /jobs?parent_id=",
        )
    said = (
        "is the best" if best.score is not None else f"is taken, since {study.spec.metric} is undefined for every one"
    )
    reporter.log(f"stopped by {reason}: trial {best.number} {said}, its model is trained now")
    train = winner_spec(study.spec, final_values(study.spec, best.values))
    if train is None:  # cannot be: the trial itself ran with it
        raise JobFailed(ErrorCode.BAD_SPEC, f"trial {best.number} cannot be trained")
    row = _child_row(study, JobType.TRAIN, train, spec_json(train))

    def store(connection: Connection, _fence: AttemptFence) -> int:
        return len(jobs.insert_jobs(connection, [row], now=read_clock(connection)))

    return JobWaits(store, SEARCHED, f"training the model of trial {best.number}")


def _finished(context: WorkerContext, study: _Study, winner: Job, reporter: JobReporter) -> JobOutcome:
    best, reason = chosen_trial(study.spec.metric, study.trials), study.stopped_by
    if winner.status is not JobStatus.COMPLETED or best is None:
        said = winner.error
        raise JobFailed(
            ErrorCode.TRAINING_ERROR if said is None else ErrorCode(said.code),
            f"the training of the best model is {winner.status.value}: {'' if said is None else said.message}",
            hint="submit the study again" if said is None else said.hint,
        )
    values: dict[str, Any] = {
        "dataset_id": study.spec.dataset_id,
        "best_model_id": winner.result_id,
        "model_name": study.spec.model_name,
        "metric": study.spec.metric,
        "sampler": study.spec.sampler,
        "trials": len(study.trials),
        "failed_trials": sum(trial.score is None for trial in study.trials),
        "best_trial": best.number,
        "best_score": best.score,
        "stopped_by": (reason or StoppedBy.SECONDS).value,
        "details": {
            "best_values": dict(final_values(study.spec, best.values)),
            "importances": importances(study.spec, study.space, [trial for trial in study.trials if trial.rung == 0]),
            **({"warm_start": warm_start.told(study.taken)} if study.spec.warm_start else {}),
        },
        "warm_key": warm_start.warm_key(context, study.spec),
    }
    _compare_scores(context, study, winner, best.score, reporter)

    def store(connection: Connection, fence: AttemptFence) -> int:
        return results.insert_result(connection, Study, job_id=fence.job_id, attempt=fence.attempt, **values)

    return JobOutcome(store=store, rows_used=0)


def _compare_scores(
    context: WorkerContext, study: _Study, winner: Job, score: float | None, reporter: JobReporter
) -> None:
    """Say so if the model's score is not that of its trial: then it ran with other versions or on another machine."""
    with context.database.read() as connection:
        model = None if winner.result_id is None else results.get_model(connection, winner.result_id)
    reached = None if model is None else model.scores["held_out"].get(study.spec.metric)
    if model is not None and reached != score:
        reporter.log(f"the model reaches {reached}, its trial reached {score}: versions or machines differ")
