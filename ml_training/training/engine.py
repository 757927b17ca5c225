"""The engine's door: train a model, test one, compare some; nothing is kept between calls."""

from ml_training.domain.algorithms import PARAMS
from ml_training.domain.specs import TrainSpec, spec_json
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import Folds, TrainPlan
from ml_training.training.artifact import LoadedModel, load_model, pack
from ml_training.training.checkpoint import Checkpoint, Keeper, NoKeeper, new_keeper, open_checkpoint
from ml_training.training.details import model_details, versions
from ml_training.training.estimators import FAMILIES
from ml_training.training.evaluation import compare, test
from ml_training.training.fitting import FittedFold, FoldFitter
from ml_training.training.outcome import ComparisonOutcome, TestOutcome, TrainedModel
from ml_training.training.reporter import Progress, Reporter
from ml_training.training.summary import rows_told, scores_told, split_scores
from ml_training.training.warm import warm_up
from ml_training.training.warnings_log import warnings_logged

__all__ = [
    "ComparisonOutcome",
    "LoadedModel",
    "TestOutcome",
    "TrainedModel",
    "compare",
    "load_model",
    "test",
    "train",
    "warm_up",
]

PACKED = 0.97  # the share of the job that is done when the model is packed


def train(
    spec: TrainSpec,
    index: SelectionIndex,
    *,
    plan: TrainPlan,
    reporter: Reporter,
    threads: int,
    checkpoint: bytes | None = None,
) -> TrainedModel:
    """Fit, score and pack one model; `plan` is `plan_train(spec, index)`, `checkpoint` one that the job kept before.

    Equal spec, data, versions and seed give equal artifact bytes, with any number of threads. Raises Interrupted when
    the reporter says stop, JobFailed when the spec cannot succeed on this data; any other exception is a crash.
    """
    progress = Progress(reporter)
    reporter.features(len(plan.features))
    with warnings_logged(reporter):
        folds = plan.draw(spec, index)
        reporter.log(rows_told(plan, folds))
        keeper, resume = _checkpoints(spec, reporter, checkpoint)
        splits, final = _fit_all(FoldFitter(spec, index, plan, progress, threads, keeper, resume), folds, progress)
        progress.stage("packing", until=1.0)
        scores = split_scores(plan, folds, splits)
        reporter.log(scores_told(scores))
        details = model_details(plan, folds, splits=splits, final=final)
        artifact = pack(final.model)
    progress.finish("trained")
    return TrainedModel(
        artifact=artifact,
        artifact_format=FAMILIES[spec.model_type].artifact_format,
        schema=final.model.schema.to_json(),
        scores=scores,
        details=details,
        lineage={"versions": versions(), "random_state": spec.random_state},
    )


def _checkpoints(
    spec: TrainSpec, reporter: Reporter, kept: bytes | None
) -> tuple[Keeper | NoKeeper, Checkpoint | None]:
    """Who keeps checkpoints, and where to go on; a job of several fits starts again from the first."""
    params = PARAMS[spec.model_type].model_validate(spec.params)
    if spec.validation.is_refitted or not FAMILIES[spec.model_type].can_resume(params):
        return NoKeeper(), None
    origin = {"spec": spec_json(spec), "versions": versions()}
    resume = None if kept is None else open_checkpoint(kept, origin)
    if resume is not None:
        reporter.log(f"going on from a checkpoint after {resume.done} rounds")
    elif kept is not None:
        reporter.log("the checkpoint is of other versions or damaged: starting again")
    return new_keeper(reporter, origin), resume


def _fit_all(fitter: FoldFitter, folds: Folds, progress: Progress) -> tuple[list[FittedFold], FittedFold]:
    """The splits and the fit whose model is stored; how long each takes goes by its rows."""
    if folds.final is folds.splits[0]:
        only = fitter.fit(folds.final, split=None, until=PACKED)
        return [only], only
    total = sum(len(fold.train) for fold in (*folds.splits, folds.final))
    done, splits = 0, []
    for number, fold in enumerate(folds.splits, start=1):
        progress.within(f"split {number} of {len(folds.splits)}")
        done += len(fold.train)
        splits.append(fitter.fit(fold, split=number, until=PACKED * done / total))
    progress.within("all rows")
    final = fitter.fit(folds.final, split=None, until=PACKED)
    progress.within("")
    return splits, final
