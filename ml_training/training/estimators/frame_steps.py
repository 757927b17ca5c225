"""Makes a stored pipeline usable alone: it takes a user's frame and answers in the user's classes and units.

    Pipeline: columns > order > the steps after the model matrix > estimator

`columns` picks the features by name, clips numbers as `MatrixReader` does, and turns text into category codes;
`order` puts them into the order of the features. What could be understood wrongly raises: a missing column, an
infinite number, a category that the model does not know, a number where text is needed.
"""

import copy
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OrdinalEncoder, StandardScaler

from ml_training.inference.columns import ColumnKind
from ml_training.inference.matrix import LARGEST
from ml_training.inference.pipeline_predictor import FRAME_STEPS
from ml_training.inference.schema import FeatureSchema
from ml_training.inference.target_scaling import TargetScale
from ml_training.training.estimators.base import UserTerms


def usable_alone(pipeline: Pipeline, terms: UserTerms) -> Pipeline:
    """A pipeline with the same estimator that takes a frame; `pipeline` stays as it is."""
    columns, order = FRAME_STEPS
    categories = [feature for feature in terms.features if feature.kind is ColumnKind.CATEGORY]
    others = [feature for feature in terms.features if feature.kind is not ColumnKind.CATEGORY]
    steps: list[tuple[str, Any]] = [(columns, _columns(others, categories))]
    position = {feature.name: at for at, feature in enumerate([*others, *categories])}
    in_order = [position[feature.name] for feature in terms.features]
    if in_order != sorted(in_order):
        order_step = ColumnTransformer([("features", "passthrough", in_order)])
        steps.append((order, order_step.fit(np.zeros((1, len(in_order))))))
    name, estimator = pipeline.steps[-1]
    return Pipeline([*steps, *pipeline.steps[:-1], (name, _in_user_terms(estimator, terms))])


def _columns(others: list[FeatureSchema], categories: list[FeatureSchema]) -> ColumnTransformer:
    parts: list[tuple[str, Any, list[str]]] = []
    if others:
        # With its own range as the range of the data it changes no number but those outside, and refuses infinity.
        clip = MinMaxScaler(feature_range=(-LARGEST, LARGEST), clip=True)
        parts.append(("numbers", clip, [feature.name for feature in others]))
    if categories:
        texts = [np.array([*feature.categories, np.nan], dtype=object) for feature in categories]
        encoder = OrdinalEncoder(categories=texts, handle_unknown="error", encoded_missing_value=np.nan)
        parts.append(("categories", encoder, [feature.name for feature in categories]))
    ends = {feature.name: [-LARGEST, LARGEST] for feature in others}
    known = {feature.name: [*feature.categories[:1], np.nan][:1] * 2 for feature in categories}
    pool = pa.system_memory_pool()  # the default one reserves 1 GiB of addresses: more than the limit of a small slot
    frame = pa.table({name: pa.array(values, memory_pool=pool) for name, values in (ends | known).items()})
    columns = ColumnTransformer(parts, sparse_threshold=0.0).fit(frame)
    for name, step, _ in (*columns.transformers, *columns.transformers_):
        if name == "categories":
            step.set_params(categories="auto")  # they are known now; skops would store and load them three times
    if categories:  # these would be numbers where no feature has any category
        encoder = columns.named_transformers_["categories"]
        encoder.categories_ = [texts.astype(object) for texts in encoder.categories_]
    return columns


def _in_user_terms(estimator: Any, terms: UserTerms) -> Any:
    """The estimator with the users' classes, or in a regressor that scales its predictions back."""
    if not terms.labels:
        return estimator if terms.scale == TargetScale() else _scaled_back(estimator, terms.scale)
    labels = np.array(terms.labels)
    named = copy.copy(estimator)
    if hasattr(named, "_label_binarizer"):
        named._label_binarizer = copy.copy(named._label_binarizer)
        named._label_binarizer.classes_ = labels
    if "classes_" in vars(named):
        named.classes_ = labels
    return named


def _scaled_back(estimator: Any, scale: TargetScale) -> TransformedTargetRegressor:
    """Its predictions are those of `TargetScale.to_data_units`, bit for bit, inside the range of float64."""
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_ = np.array([scale.shift]), np.array([scale.scale])
    scaler.var_, scaler.n_samples_seen_, scaler.n_features_in_ = scaler.scale_**2, 1, 1
    regressor = TransformedTargetRegressor(regressor=estimator, transformer=StandardScaler())
    regressor.regressor_, regressor.transformer_, regressor._training_dim = estimator, scaler, 1
    return regressor
