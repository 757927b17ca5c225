"""Runs PREDICT: a stored model predicts rows in batches, so that memory does not grow with the rows."""

from collections.abc import Iterator

import numpy as np

from ml_training.inference.fitted_model import ROWS_PER_BATCH
from ml_training.selection.predict_plan import PredictedRows, PredictPlan, values_in_a_row
from ml_training.training.artifact import LoadedModel
from ml_training.training.cores import Cores
from ml_training.training.matrix import Matrix, MatrixReader
from ml_training.training.prediction_sets import prediction_sets
from ml_training.training.reporter import TrainingReporter
from ml_training.training.stage_progress import StageProgress, slices
from ml_training.training.warnings_log import warnings_logged

CELLS_PER_BATCH = 20_000_000  # of features and output together, 8 bytes each


def predict(
    model: LoadedModel,
    plan: PredictPlan,
    *,
    reporter: TrainingReporter,
    cores: Cores,
    largest_error: float | None = None,
) -> Iterator[PredictedRows]:
    """What the model says about the rows of the plan, batch by batch in their order; raises Interrupted.

    largest_error: of the intervals or sets, None for none. Raises ValueError when the model predicts what is no number:
    such a result must not be stored.
    """
    progress = StageProgress(reporter)
    reporter.features(len(model.schema.features))
    reader = MatrixReader(plan.index, model.schema.features)
    total, done = len(plan.rows), 0
    with warnings_logged(reporter):
        progress.stage(f"predicting {total} rows", until=1.0)
        for part in slices(total, size=_batch_rows(plan)):
            x = reader.read(plan.rows[part])
            yield _predict_part(model, x, plan, part, threads=cores.granted(), largest_error=largest_error)
            done += part.stop - part.start
            progress.step(done, total, f"{done} of {total} rows predicted")
    progress.finish("predicted")


def _batch_rows(plan: PredictPlan) -> int:
    """As many rows as the other predictions have in a batch, and fewer of very wide ones."""
    cells = len(plan.model.features) + values_in_a_row(plan.spec, plan.model)
    return max(1, min(ROWS_PER_BATCH, CELLS_PER_BATCH // cells))


def _predict_part(
    model: LoadedModel, x: Matrix, plan: PredictPlan, part: slice, *, threads: int, largest_error: float | None
) -> PredictedRows:
    predicted = model.predictions(x, threads=threads)
    if not np.isfinite(predicted.values).all():
        raise ValueError("the model predicts values that are not finite")
    is_class = model.schema.task.is_classification
    return PredictedRows(
        rows=plan.rows[part],
        values=predicted.labels if is_class else predicted.values,
        probabilities=predicted.values if predicted.probabilistic else None,
        contributions=model.contributions(x, threads=threads) if plan.spec.contributions else None,
        half_width=None if is_class else largest_error,
        sets=prediction_sets(predicted, largest_error) if is_class and largest_error is not None else None,
    )
