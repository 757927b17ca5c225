"""Runs EXPLAIN: puts the parts of an explanation together."""

from typing import Any

from ml_training.domain.states import TaskKind
from ml_training.selection.explain_plan import ExplainPlan, slice_columns
from ml_training.training.artifact import LoadedModel
from ml_training.training.cores import Cores
from ml_training.training.explain.decisions import calibration, lift, thresholds
from ml_training.training.explain.dependence import partial_dependence
from ml_training.training.explain.mean_contributions import mean_contributions
from ml_training.training.explain.permutation import permutation_importance
from ml_training.training.explain.residuals import residuals
from ml_training.training.explain.sampled_rows import SampledRows
from ml_training.training.explain.slices import scores_by_slice
from ml_training.training.matrix import MatrixReader
from ml_training.training.reporter import TrainingReporter
from ml_training.training.score_intervals import score_intervals, with_method
from ml_training.training.scores import Predictions, score
from ml_training.training.stage_progress import StageProgress
from ml_training.training.warnings_log import warnings_logged


def explain(model: LoadedModel, plan: ExplainPlan, *, reporter: TrainingReporter, cores: Cores) -> dict[str, Any]:
    """The parts of an explanation by name, as JSON values (docs/explain.md); raises Interrupted.

    Equal plan, model and versions give equal values, with any number of threads.
    """
    progress = StageProgress(reporter)
    reporter.features(len(model.schema.features))
    with warnings_logged(reporter):
        progress.stage(f"reading {len(plan.sample)} rows", until=0.05)
        at = plan.labels.rows[plan.sample]
        x = MatrixReader(plan.index, model.schema.features).read(at)
        rows = SampledRows(model, x, plan.labels.y[plan.sample], cores, progress)
        predicted = rows.predict()
        found = _looked_at(rows, plan, predicted)
        progress.stage("scoring the slices", until=1.0)
        columns = slice_columns(plan.index, at, target=plan.model.target.column)
        found["slices"] = scores_by_slice(
            columns, rows.y, predicted, metric=plan.metric, seed=plan.spec.random_state, progress=progress
        )
    progress.finish("explained")
    return found


def _looked_at(rows: SampledRows, plan: ExplainPlan, predicted: Predictions) -> dict[str, Any]:
    """All parts but the slices."""
    spec, progress, y = plan.spec, rows.progress, rows.y
    progress.stage("shuffling each feature", until=0.7)
    importance = permutation_importance(rows, metric=plan.metric, seed=spec.random_state)
    progress.stage("adding up contributions", until=0.8)
    contributions = mean_contributions(rows)
    progress.stage("partial dependence", until=0.9)
    dependence = partial_dependence(rows, [item["feature"] for item in importance["features"]])
    progress.stage("scoring", until=0.92)
    is_class = plan.model.task is not TaskKind.REGRESSION
    return {
        "rows": {"explained": len(y), "labelled": len(plan.labels.rows), "dropped": plan.dropped},
        "metric": plan.metric,
        "scores": score(y, predicted),
        "score_intervals": with_method({"explained": score_intervals(y, predicted, seed=spec.random_state)}),
        "permutation_importance": importance,
        "contributions": contributions,
        "partial_dependence": dependence,
        "calibration": calibration(y, predicted) if is_class else None,
        "thresholds": thresholds(y, predicted, spec.costs) if is_class else None,
        "lift": lift(y, predicted) if is_class else None,
        "residuals": None if is_class else residuals(y, predicted),
    }
