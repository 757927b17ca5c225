"""The most memory that each type of job takes: the largest of its stages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ml_training.domain.algorithms import ModelType
from ml_training.domain.memory import boosting, forests, gradients
from ml_training.domain.memory.batches import InputShape, batch_bytes
from ml_training.domain.memory.facts import NUMBER, FitMemory, MemoryEstimate, TrainingFacts

BEGIN = 16 << 20  # bytes that every job takes: code and objects that it is the first to use
DASK = 24 << 20  # of the client of a cluster
LIBRARY = {ModelType.XGBOOST: 20 << 20}  # of one that the first job that needs it imports
BATCH_ROWS = 50_000  # that are predicted at a time
SCORED_ROWS = 100_000  # of a training part, at most
WINDOW_ROW = 9 * NUMBER  # bytes for each row while the windows of a column are computed
LABELS = 60  # bytes for each row of the job: its label, its number, its part
CONFUSION = 4 * NUMBER  # bytes for each pair of a true and a predicted class
CATEGORY_COPIES = 5  # of the texts: in the schemas, and in what describes the model
MARGIN = 1.15  # above what the rules say: allocators keep some of what was freed

Rule = Callable[..., FitMemory]
RULES: dict[ModelType, Rule] = {
    ModelType.LIGHTGBM: boosting.light_gbm,
    ModelType.XGBOOST: boosting.xgboost,
    ModelType.RANDOM_FOREST: partial(forests.forest, default_bootstrap=True),
    ModelType.EXTRA_TREES: partial(forests.forest, default_bootstrap=False),
    ModelType.HIST_GRADIENT_BOOSTING: boosting.hist_gradient_boosting,
    ModelType.LOGISTIC_REGRESSION: gradients.logistic_regression,
    ModelType.RIDGE: gradients.ridge,
    ModelType.MLP: gradients.mlp,
}


def training(
    facts: TrainingFacts, model_type: ModelType, params: dict[str, Any], *, threads: int, elsewhere: bool = False
) -> MemoryEstimate:
    """The estimate for a TRAIN job; params: all of its model type, with every default.

    elsewhere: a cluster fits the models, and this job only scores and stores them.
    """
    rule = boosting.light_gbm_elsewhere if elsewhere else RULES[model_type]
    fit = rule(facts, params, threads=threads)
    whole = NUMBER * (facts.train_rows + facts.held_out) * facts.features
    copies = NUMBER * facts.train_rows * facts.features if facts.stop_rows or facts.calibration_rows else 0
    smote = 4 * NUMBER * facts.fit_rows * facts.features if facts.has_smote else 0
    windows = WINDOW_ROW * facts.rows if facts.windows else 0
    matrix = whole + copies if fit.has_matrix else 0
    values = NUMBER * facts.outputs
    scored = min(facts.train_rows, SCORED_ROWS)
    # The predictions for the held-out rows of every split stay until the end; at the end they are put together.
    held = values * facts.pooled * (2 if facts.splits > 1 else 1)
    most = max(scored, facts.held_out)
    at_a_time = min(most, BATCH_ROWS)
    hidden = params.get("hidden_layer_sizes", ())
    batch = batch_bytes(model_type, InputShape.of(facts), at_a_time, hidden=hidden)
    batch += values * at_a_time if most > BATCH_ROWS else 0  # the values of a batch, beside those of all rows
    kept = values * (facts.pooled if facts.splits > 1 else 0)
    base = BEGIN + LABELS * facts.rows + CATEGORY_COPIES * facts.category_bytes + CONFUSION * facts.classes**2
    base += LIBRARY.get(model_type, 0) + (DASK if elsewhere else 0)
    # The features of the rows and what the model says about them, and what sorting them takes.
    calibrated = facts.calibration_rows * (NUMBER * facts.features * fit.has_matrix + 4 * values)
    predicted = int(1.3 * values * most)  # and what the scores are computed with
    stages = {
        "reading the features": whole * fit.has_matrix + windows + kept,
        "balancing the classes": matrix + smote + kept,
        "training": matrix + fit.fit + kept + (NUMBER * facts.fit_rows * facts.features if facts.has_smote else 0),
        "calibrating": (matrix + fit.model + calibrated + batch + kept) if calibrated else 0,
        "scoring": matrix + fit.model + predicted + batch + kept,
        "storing the model": fit.model + fit.pack + held + (3 * values * facts.pooled * facts.keeps_out_of_fold),
    }
    stage = max(stages, key=lambda name: stages[name])
    drivers = fit.drivers if stage in ("training", "storing the model") else ()
    return MemoryEstimate(int(MARGIN * (base + stages[stage])), stage, drivers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A stored model that a job loads: the bytes that it takes in memory, those of its artifact, and what it learnt
    from; hidden: the layers of a network."""

    model_type: ModelType
    memory: int
    artifact: int
    shape: InputShape
    hidden: tuple[int, ...] = ()


def predicting(models: Sequence[ModelFacts], *, rows: int, keeps_all: bool, output_columns: int = 0) -> MemoryEstimate:
    """The estimate for a TEST, COMPARE or PREDICT of `rows` rows.

    keeps_all: whether the predictions for all rows are in memory at the end (TEST, COMPARE), or those of a batch.
    """
    loaded = sum(model.memory for model in models)
    # What is read from an archive stays until the model is whole, beside the model that is made from it.
    loading = loaded + max(model.memory + 3 * model.artifact for model in models)
    at_a_time = min(rows, BATCH_ROWS)
    batch = max(batch_bytes(model.model_type, model.shape, at_a_time, hidden=model.hidden) for model in models)
    values = [NUMBER * model.shape.outputs for model in models]
    batch += at_a_time * (max(values) + 2 * NUMBER * output_columns)
    kept = int(1.3 * sum(values) * rows) if keeps_all else 0
    stages = {"loading the model": loading, "predicting": loaded + batch + kept}
    stage = max(stages, key=lambda name: stages[name])
    confusion = CONFUSION * max(model.shape.outputs for model in models) ** 2 if keeps_all else 0
    begin = BEGIN + sum(LIBRARY.get(kind, 0) for kind in {model.model_type for model in models})
    return MemoryEstimate(int(MARGIN * (begin + LABELS * rows + confusion + stages[stage])), stage)


CONTRIBUTIONS = 5_000_000  # of a batch: see training/explain/mean_contributions.py
RESAMPLED = 3 * NUMBER * 1_000 * 400  # the weights of a bootstrap, and copies: see training/score_intervals.py


def explaining(model: ModelFacts, *, rows: int, sample: int) -> MemoryEstimate:
    """The estimate for an EXPLAIN of `sample` of `rows` labelled rows, whose features are in memory all the time."""
    shape = model.shape
    loading = 2 * model.memory + 3 * model.artifact
    matrix = NUMBER * sample * shape.features
    at_a_time = min(sample, BATCH_ROWS)
    batch = batch_bytes(model.model_type, shape, at_a_time, hidden=model.hidden) + NUMBER * at_a_time * shape.outputs
    values = int(3 * NUMBER * sample * shape.outputs)  # of all rows, those of shuffled ones, and parts of them
    wide = NUMBER * shape.outputs * (shape.features + 1)
    contributed = 3 * min(wide * sample, max(wide, NUMBER * CONTRIBUTIONS))
    blocks = 3 * NUMBER * 400 * 4 * shape.outputs
    stages = {
        "loading the model": loading,
        "explaining": model.memory + 2 * matrix + values + max(batch, contributed) + RESAMPLED + blocks,
    }
    stage = max(stages, key=lambda name: stages[name])
    confusion = CONFUSION * shape.outputs**2
    begin = BEGIN + LIBRARY.get(model.model_type, 0)
    return MemoryEstimate(int(MARGIN * (begin + LABELS * rows + confusion + stages[stage])), stage)


MOST_EXCHANGED = 500 * (400 + 400)  # permutations times blocks: see training/drift/exchanged_blocks.py
CLASSIFIED_ROWS = 2 * 10_000  # see training/drift/classifier.py


def comparing_rows(model: ModelFacts, *, rows: int, sample: int) -> MemoryEstimate:
    """The estimate for a DRIFT: the features of both samples, a copy of some rows for the classifier, the exchanges.

    rows: to compare; the training rows are planned again, each with a label and a number.
    """
    features = model.shape.features
    matrices = 2 * NUMBER * sample * features
    classified = 3 * NUMBER * min(2 * sample, CLASSIFIED_ROWS) * features  # the rows, a half, and their bins
    planned = LABELS * (rows + 2 * model.shape.rows)
    needed = BEGIN + planned + matrices + classified + 3 * NUMBER * MOST_EXCHANGED
    return MemoryEstimate(int(MARGIN * needed), "comparing")
