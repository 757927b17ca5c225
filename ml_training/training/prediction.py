"""Runs PREDICT: a stored model predicts rows in batches, so that memory does not grow with the rows."""

from collections.abc import Iterator

import numpy as np

from ml_training.inference.fitted_model import ROWS_PER_BATCH
from ml_training.selection.predict_plan import PredictedRows, PredictPlan, output_names
from ml_training.training.artifact import LoadedModel
from ml_training.training.cores import Cores
from ml_training.training.matrix import MatrixReader
from ml_training.training.reporter import TrainingReporter
from ml_training.training.stage_progress import StageProgress, slices
from ml_training.training.warnings_log import warnings_logged

CELLS_PER_BATCH = 20_000_000  # of features and output together, 8 bytes each


def predict(
    model: LoadedModel, plan: PredictPlan, *, reporter: TrainingReporter, cores: Cores
) -> Iterator[PredictedRows]:
    """What the model says about the rows of the plan, batch by batch in their order; raises Interrupted.

    Raises ValueError when the model predicts what is no number: such a result must not be stored.
    """
    progress = StageProgress(reporter)
    reporter.features(len(model.schema.features))
    reader = MatrixReader(plan.index, model.schema.features)
    total, done = len(plan.rows), 0
    with warnings_logged(reporter):
        progress.stage(f"predicting {total} rows", until=1.0)
        for part in slices(total, size=_batch_rows(plan)):
            yield _predict_part(model, reader, plan, part, threads=cores.granted())
            done += part.stop - part.start
            progress.step(done, total, f"{done} of {total} rows predicted")
    progress.finish("predicted")


def _batch_rows(plan: PredictPlan) -> int:
    """As many rows as the other predictions have in a batch, and fewer of very wide ones."""
    cells = len(plan.model.features) + len(output_names(plan.spec, plan.model))
    return max(1, min(ROWS_PER_BATCH, CELLS_PER_BATCH // cells))


def _predict_part(
    model: LoadedModel, reader: MatrixReader, plan: PredictPlan, part: slice, *, threads: int
) -> PredictedRows:
    rows = plan.rows[part]
    x = reader.read(rows)
    predicted = model.predictions(x, threads=threads)
    if not np.isfinite(predicted.values).all():
        raise ValueError("the model predicts values that are not finite")
    is_class = model.schema.task.is_classification
    return PredictedRows(
        rows=rows,
        values=predicted.labels if is_class else predicted.values,
        probabilities=predicted.values if predicted.probabilistic else None,
        contributions=model.contributions(x, threads=threads) if plan.spec.contributions else None,
    )
