"""The public functions of the engine: train, test, compare, predict, explain, drift; no state is kept between calls."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ml_training.domain.algorithms import PARAMS
from ml_training.domain.specs import TrainSpec, spec_json
from ml_training.selection.plan import Folds, TrainPlan
from ml_training.training.artifact import LoadedModel, load_model, pack, unpacked_bytes
from ml_training.training.binned import NO_BINNED_CACHE, BinnedCache
from ml_training.training.checkpoint import (
    RESUMING,
    Checkpoint,
    CheckpointWriter,
    NoCheckpointWriter,
    TakeState,
    new_checkpoint_writer,
    open_checkpoint,
)
from ml_training.training.cluster_fit import ClusterFit
from ml_training.training.cores import Cores
from ml_training.training.drift.report import drift
from ml_training.training.estimators import FAMILIES
from ml_training.training.evaluation import compare, test
from ml_training.training.explain.explanation import explain
from ml_training.training.fit_states import FitStates, open_states
from ml_training.training.fitting import FittedFold, FoldFitter, ScoredFold
from ml_training.training.model_details import model_details
from ml_training.training.out_of_fold import out_of_fold
from ml_training.training.prediction import predict
from ml_training.training.reporter import TrainingReporter
from ml_training.training.results import ComparisonOutcome, TestOutcome, TrainedModel
from ml_training.training.stage_progress import StageProgress
from ml_training.training.summary import describe_rows, describe_scores, split_scores
from ml_training.training.versions import versions
from ml_training.training.warm_up import warm_up
from ml_training.training.warnings_log import warnings_logged

__all__ = [
    "ComparisonOutcome",
    "LoadedModel",
    "TestOutcome",
    "TrainedModel",
    "compare",
    "drift",
    "evaluate",
    "explain",
    "load_model",
    "predict",
    "test",
    "train",
    "versions",
    "warm_up",
]

FITTED = 0.97  # the share of the job that is done when all models are fitted and scored


def train(
    plan: TrainPlan,
    *,
    reporter: TrainingReporter,
    cores: Cores,
    checkpoint: bytes | None = None,
    binned: BinnedCache = NO_BINNED_CACHE,
    cluster: ClusterFit | None = None,
) -> TrainedModel:
    """Fit, score and pack one model; `checkpoint` is one that an earlier attempt of the job has written.

    binned: where the binned rows of large data are kept; they change the time that a training takes, and no byte of it.
    cluster: what fits the models instead of this process; raises AttemptLost or Unavailable when that fails.

    Equal plan, versions and seed give equal artifact bytes, with any number of threads, also when it changes on the
    way. Raises Interrupted when the reporter says stop, JobFailed when the spec cannot succeed on these data; any
    other exception is a defect.
    """
    spec, progress = plan.spec, StageProgress(reporter)
    reporter.features(len(plan.features))
    with warnings_logged(reporter):
        folds = plan.draw_folds()
        reporter.log(describe_rows(plan, folds))
        writer, resume_from = _checkpoints(spec, reporter, checkpoint)
        fitter = FoldFitter(plan, progress, cores, writer, resume_from, binned, cluster)
        splits, final = _fit_all(fitter, folds, progress)
        progress.stage("packing", until=1.0)
        scores = split_scores(plan, folds, splits)
        reporter.log(describe_scores(scores))
        details = model_details(plan, folds, splits=splits, final=final)
        artifact, schema = pack(final.model), final.model.schema
        del final
        details["unpacked_bytes"] = unpacked_bytes(artifact)
        if spec.engine is not None:
            details["reproducible"] = False  # the cluster may have another number of workers the next time
    progress.finish("trained")
    return TrainedModel(
        artifact=artifact,
        artifact_format=FAMILIES[spec.model_type].artifact_format,
        schema=schema.to_json(),
        scores=scores,
        details=details,
        lineage={"versions": versions(), "random_state": spec.random_state},
        out_of_fold=out_of_fold(plan, folds, splits, model=schema),
    )


def evaluate(
    plan: TrainPlan,
    *,
    reporter: TrainingReporter,
    cores: Cores,
    checkpoint: bytes | None = None,
    binned: BinnedCache = NO_BINNED_CACHE,
    states: FitStates | None = None,
) -> dict[str, Any]:
    """The scores that `train` would give, to the last bit, without the model: no fit on all rows after the splits.

    checkpoint: of an earlier attempt, or the states of a trial with fewer rounds. states: takes those of these fits.
    """
    spec, progress = plan.spec, StageProgress(reporter)
    reporter.features(len(plan.features))
    with warnings_logged(reporter):
        folds = plan.draw_folds()
        reporter.log(describe_rows(plan, folds))
        at_end = None if states is None else states.take
        continued = None if checkpoint is None else open_states(checkpoint, spec, fits=len(folds.splits))
        if states is not None:
            states.expect(len(folds.splits))
        if continued is not None:
            reporter.log(f"continuing the trial that ended after {continued[0].done} rounds")
        writer, resume_from = _checkpoints(spec, reporter, checkpoint if continued is None else None, at_end)
        fitter = FoldFitter(plan, progress, cores, writer, resume_from, binned)
        total = sum(len(fold.train) for fold in folds.splits)
        splits = _fit_splits(fitter, folds, progress, total=total, continued=continued)
        scores = split_scores(plan, folds, splits)
        reporter.log(describe_scores(scores))
    progress.finish("scored")
    return scores


def _checkpoints(
    spec: TrainSpec, reporter: TrainingReporter, stored: bytes | None, at_end: TakeState | None = None
) -> tuple[CheckpointWriter | NoCheckpointWriter, Checkpoint | None]:
    """The writer of checkpoints, and the checkpoint to resume from; a job of several fits starts from the first.

    at_end: takes the state of each fit after its last round, where it can continue to the same model.
    """
    params = PARAMS[spec.model_type].model_validate(spec.params)
    can_resume = spec.engine is None and FAMILIES[spec.model_type].can_resume(params)
    if not can_resume or spec.validation.is_refitted:
        return NoCheckpointWriter(at_end if can_resume else None), None
    origin = {"spec": spec_json(spec), "versions": versions()}
    resume_from = None if stored is None else open_checkpoint(stored, origin)
    if resume_from is not None:
        reporter.log(f"{RESUMING} after {resume_from.done} rounds")
    elif stored is not None:
        reporter.log("the checkpoint is of other versions or damaged: starting again")
    return new_checkpoint_writer(reporter, origin, at_end), resume_from


def _fit_all(fitter: FoldFitter, folds: Folds, progress: StageProgress) -> tuple[list[ScoredFold], FittedFold]:
    """The fits of the splits and the fit whose model is stored; each has a share of the progress by its rows."""
    if folds.final is folds.splits[0]:
        only = fitter.fit(folds.final, split=None, until=FITTED)
        return [only.scored], only
    total = sum(len(fold.train) for fold in (*folds.splits, folds.final))
    splits = _fit_splits(fitter, folds, progress, total=total)
    progress.set_prefix("all rows")
    final = fitter.fit(folds.final, split=None, until=FITTED)
    progress.set_prefix("")
    return splits, final


def _fit_splits(
    fitter: FoldFitter,
    folds: Folds,
    progress: StageProgress,
    *,
    total: int,
    continued: Sequence[Checkpoint] | None = None,
) -> list[ScoredFold]:
    """total: the training rows of all fits of the job; continued: the state from which each fit continues."""
    fitters = [fitter] * len(folds.splits)
    if continued is not None:
        fitters = [replace(fitter, resume_from=state) for state in continued]
    if len(folds.splits) == 1:
        return [fitters[0].fit(folds.splits[0], split=None, until=FITTED).scored]
    done, splits = 0, []
    for number, (fold, fitter) in enumerate(zip(folds.splits, fitters, strict=True), start=1):
        progress.set_prefix(f"split {number} of {len(folds.splits)}")
        done += len(fold.train)
        splits.append(fitter.fit(fold, split=number, until=FITTED * done / total).scored)
    progress.set_prefix("")
    return splits
