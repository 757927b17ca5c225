"""What the memory of a TRAIN job depends on, from its plan; bounded, whatever the number of rows."""

import math

import numpy as np

from ml_training.domain.algorithms import ModelType
from ml_training.domain.memory.batches import InputShape
from ml_training.domain.memory.facts import TrainingFacts, TreeGrowth
from ml_training.domain.memory.jobs import ModelFacts
from ml_training.domain.records import Model
from ml_training.inference.matrix import MatrixReader
from ml_training.selection.index import ColumnKind
from ml_training.selection.plan import TrainPlan
from ml_training.selection.sample import sample_positions
from ml_training.selection.schema import FeatureSchema
from ml_training.selection.tree_growth import tree_growth

SAMPLE_ROWS, SAMPLE_FEATURES = 5_000, 60  # of the trees that are grown to see how large they get
DISTINCT_ROWS, DISTINCT_FEATURES = 2_000, 100
FORESTS = {ModelType.RANDOM_FOREST: True, ModelType.EXTRA_TREES: False}  # whether it looks for the best threshold
BYTES_OF_A_TEXT = 60  # of a Python string, beside its characters


def training_facts(plan: TrainPlan) -> TrainingFacts:
    """The facts of a TRAIN job, with the growth of its trees if it is a forest."""
    spec, index, labels, features, counts = plan.spec, plan.index, plan.labels, plan.features, plan.counts
    rows, is_smote = len(labels.rows), spec.class_balance == "smote"
    held_out = [max(0, rows - count.train) for count in counts]
    splits = counts[:-1] if spec.validation.is_refitted else counts
    named = [feature.name for feature in features if _is_category(feature)]
    texts = [index.columns[name].categories_count for name in named]
    return TrainingFacts(
        rows=rows,
        fit_rows=max(count.rows(smote=is_smote) for count in counts),
        stop_rows=max(int(count.stop.sum()) for count in counts),
        calibration_rows=max(int(count.calibrate.sum()) for count in counts),
        held_out=max(held_out),
        pooled=min(rows, sum(held_out)),
        splits=len(splits),
        features=len(features),
        windows=sum(feature.window is not None for feature in features),
        classes=0 if labels.classes is None else len(labels.classes),
        categories=tuple(count + 1 for count in texts),
        category_bytes=BYTES_OF_A_TEXT * sum(texts) + sum(map(index.category_bytes, named)),
        distinct=_distinct(plan) if spec.model_type in (ModelType.LIGHTGBM, ModelType.XGBOOST) else (),
        has_smote=is_smote,
        keeps_out_of_fold=spec.keep_out_of_fold,
        growth=_growth(plan) if spec.model_type in FORESTS else None,
    )


def _growth(plan: TrainPlan) -> TreeGrowth:
    spec, index, labels, features = plan.spec, plan.index, plan.labels, plan.features
    columns = [feature for feature in features if feature.window is None]
    some = columns[:: -(-len(columns) // SAMPLE_FEATURES)]
    known = [FeatureSchema(one.name, one.kind, index.categories(one.name)) for one in some]
    at = sample_positions(len(labels.rows), at_most=SAMPLE_ROWS)
    x = MatrixReader(index, known).read(labels.rows[at])
    # The default of `max_features`, whatever the job says: the check is kept for jobs with other parameters.
    tried = min(math.isqrt(len(features)) or 1, len(some))
    return tree_growth(x, labels.y[at], tried=tried, best=FORESTS[spec.model_type])


def _distinct(plan: TrainPlan) -> tuple[int, ...]:
    """How many values a part of the rows has in some of the columns of numbers; all rows may have more."""
    numbers = [one for one in plan.features if one.window is None and not _is_category(one)]
    some = numbers[:: -(-len(numbers) // DISTINCT_FEATURES) or 1]
    at = sample_positions(len(plan.labels.rows), at_most=DISTINCT_ROWS)
    rows = plan.labels.rows[at]
    counts = [len(np.unique(plan.index.stored(feature.name)[rows])) for feature in some]
    # As many values as a part of the rows allows: all rows may have one each.
    return tuple(count if count < DISTINCT_ROWS // 4 else len(plan.labels.rows) for count in counts)


def model_facts(model: Model) -> ModelFacts:
    """What a job that loads the model needs to know of its size."""
    details = model.details
    classes, features = details["schema"]["classes"], details["schema"]["features"]
    outputs = 1 if classes is None else len(classes)
    unpacked = details.get("unpacked_bytes", model.artifact_bytes * most_unpacked(outputs))
    params = model.lineage.get("spec", {}).get("params", {})
    texts = tuple(len(feature["categories"]) + 1 for feature in features if feature["categories"])
    return ModelFacts(
        model_type=ModelType(model.model_type),
        memory=unpacked,
        artifact=model.artifact_bytes,
        shape=InputShape(details.get("rows", {}).get("train", 0), len(features), texts, outputs),
        hidden=tuple(params.get("hidden_layer_sizes", ())),
    )


def most_unpacked(outputs: int) -> int:
    """How many times its artifact a model takes in memory at most, where an older version has not stored its size."""
    return 8 + outputs // 2


def _is_category(feature: FeatureSchema) -> bool:
    return feature.kind is ColumnKind.CATEGORY and feature.window is None
