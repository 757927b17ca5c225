"""Makes what a part of a fold is fitted on, as `FoldFitter` makes it for a whole one, but without reading a row."""

from ml_training.selection.plan import Fold, TrainPlan
from ml_training.training.checkpoint import NoCheckpointWriter
from ml_training.training.cores import FixedCores, LimitedCores
from ml_training.training.curves import LearningCurve
from ml_training.training.estimators.base import FitInputs
from ml_training.training.fitting import FoldFitter
from ml_training.training.matrix import FeatureRows, MatrixReader
from ml_training.training.reporter import SilentReporter
from ml_training.training.stage_progress import StageProgress
from ml_training.training.training_schema import training_schema


def fold_of(plan: TrainPlan, split: int | None) -> Fold:
    """The split with this number, counted from 1, or the fold whose model is stored."""
    folds = plan.draw_folds()
    return folds.final if split is None else folds.splits[split - 1]


def unread_inputs(plan: TrainPlan, fold: Fold, *, threads: int) -> FitInputs:
    """The inputs of the whole fold, with features that are read when they are needed; no progress is reported."""
    reporter = SilentReporter()
    cores = FixedCores(threads)
    fitter = FoldFitter(plan, StageProgress(reporter), cores, NoCheckpointWriter(), None)
    schema = training_schema(plan, fold)
    reader = MatrixReader(plan.index, schema.features)
    train, held_out = (FeatureRows(reader, plan.labels.rows[rows]) for rows in (fold.train, fold.held_out))
    curve = LearningCurve("loss", reporter)
    known, scale = fitter.known(fold), fitter.scale(fold)
    return fitter.inputs(
        fold, schema.features, (train, held_out), known, scale, curve, LimitedCores(cores, most=threads)
    )
