"""The model types, and for each one the parameters that a user may set: name, type, range and default.

Threads, files, devices and network belong to the server: they are not parameters, so they are refused by name.
"""

from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt


class ModelType(StrEnum):
    """The algorithms that can be trained."""

    LIGHTGBM = "lightgbm"
    XGBOOST = "xgboost"
    RANDOM_FOREST = "random_forest"
    EXTRA_TREES = "extra_trees"
    HIST_GRADIENT_BOOSTING = "hist_gradient_boosting"
    LOGISTIC_REGRESSION = "logistic_regression"
    RIDGE = "ridge"
    MLP = "mlp"


Rounds = Annotated[StrictInt, Field(ge=1, le=10_000)]
Depth = Annotated[StrictInt, Field(ge=1, le=64)] | None
Share = Annotated[StrictFloat, Field(gt=0, le=1)]
Penalty = Annotated[StrictFloat, Field(ge=0, le=1e6)]
Rows = Annotated[StrictInt, Field(ge=1, le=1_000_000)]


class Params(BaseModel):
    """Base of all parameter lists: frozen, strict, and closed."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class LightGBMParams(Params):
    """Gradient boosting of LightGBM; names as in its scikit-learn interface."""

    n_estimators: Rounds = 100
    learning_rate: Annotated[StrictFloat, Field(gt=0, le=1)] = 0.1
    num_leaves: Annotated[StrictInt, Field(ge=2, le=4_096)] = 31
    max_depth: Depth = None
    min_child_samples: Rows = 20
    min_child_weight: Penalty = 1e-3
    min_split_gain: Penalty = 0.0
    subsample: Share = 1.0
    subsample_freq: Annotated[StrictInt, Field(ge=0, le=1_000)] = 0
    colsample_bytree: Share = 1.0
    reg_alpha: Penalty = 0.0
    reg_lambda: Penalty = 0.0
    max_bin: Annotated[StrictInt, Field(ge=2, le=4_096)] = 255
    boosting_type: Literal["gbdt", "dart"] = "gbdt"
    extra_trees: StrictBool = False


class XGBoostParams(Params):
    """Gradient boosting of XGBoost with histograms; names as in its scikit-learn interface."""

    n_estimators: Rounds = 100
    learning_rate: Annotated[StrictFloat, Field(gt=0, le=1)] = 0.3
    max_depth: Depth = Field(default=6, description="null: no limit")
    max_leaves: Annotated[StrictInt, Field(ge=0, le=4_096)] = Field(default=0, description="0: no limit")
    grow_policy: Literal["depthwise", "lossguide"] = "depthwise"
    min_child_weight: Penalty = 1.0
    gamma: Penalty = 0.0
    subsample: Share = 1.0
    colsample_bytree: Share = 1.0
    colsample_bylevel: Share = 1.0
    colsample_bynode: Share = 1.0
    reg_alpha: Penalty = 0.0
    reg_lambda: Penalty = 1.0
    max_bin: Annotated[StrictInt, Field(ge=2, le=4_096)] = 256


class ForestParams(Params):
    """Random forest and extremely randomised trees of scikit-learn."""

    n_estimators: Rounds = 100
    max_depth: Depth = None
    min_samples_split: Annotated[StrictInt, Field(ge=2, le=1_000_000)] = 2
    min_samples_leaf: Rows = 1
    max_features: Literal["sqrt", "log2"] | Share | None = "sqrt"
    max_leaf_nodes: Annotated[StrictInt, Field(ge=2, le=1_000_000)] | None = None
    min_impurity_decrease: Penalty = 0.0
    bootstrap: StrictBool | None = None  # None: the algorithm's own default


def _show_both_names(schema: dict[str, Any]) -> None:
    properties = schema["properties"]
    old = {**properties["max_iter"], "deprecated": True, "description": "another name of max_iter: give one of them"}
    schema["properties"] = {"max_iter": properties.pop("max_iter"), "n_estimators": old, **properties}
    schema["not"] = {"required": ["max_iter", "n_estimators"]}


class HistGradientBoostingParams(Params):
    """Histogram gradient boosting of scikit-learn."""

    model_config = ConfigDict(json_schema_extra=_show_both_names)

    # scikit-learn's name is max_iter. Stored specs and their fingerprints keep n_estimators, the only name before.
    n_estimators: Rounds = Field(
        default=100,
        validation_alias=AliasChoices("max_iter", "n_estimators"),
        description="rounds of boosting; the stored spec has them as n_estimators",
    )
    learning_rate: Annotated[StrictFloat, Field(gt=0, le=1)] = 0.1
    max_leaf_nodes: Annotated[StrictInt, Field(ge=2, le=4_096)] = 31
    max_depth: Depth = None
    min_samples_leaf: Rows = 20
    l2_regularization: Penalty = 0.0
    max_bins: Annotated[StrictInt, Field(ge=2, le=255)] = 255
    max_features: Share = 1.0


class LogisticRegressionParams(Params):
    """Logistic regression of scikit-learn, classification only."""

    C: Annotated[StrictFloat, Field(ge=1e-6, le=1e6)] = 1.0
    l1_ratio: Annotated[StrictFloat, Field(ge=0, le=1)] = 0.0
    fit_intercept: StrictBool = True
    max_iter: Rounds = 1_000


class RidgeParams(Params):
    """Ridge regression and ridge classifier of scikit-learn."""

    alpha: Annotated[StrictFloat, Field(ge=1e-9, le=1e9)] = 1.0
    fit_intercept: StrictBool = True


class MLPParams(Params):
    """Multi-layer perceptron of scikit-learn, trained with Adam."""

    hidden_layer_sizes: Annotated[
        list[Annotated[StrictInt, Field(ge=1, le=2_048)]], Field(min_length=1, max_length=8)
    ] = [100]
    activation: Literal["relu", "tanh", "logistic"] = "relu"
    alpha: Penalty = 1e-4
    batch_size: Annotated[StrictInt, Field(ge=1, le=65_536)] = 200
    learning_rate_init: Annotated[StrictFloat, Field(gt=0, le=1)] = 1e-3
    max_iter: Rounds = 200  # epochs


PARAMS: dict[ModelType, type[Params]] = {
    ModelType.LIGHTGBM: LightGBMParams,
    ModelType.XGBOOST: XGBoostParams,
    ModelType.RANDOM_FOREST: ForestParams,
    ModelType.EXTRA_TREES: ForestParams,
    ModelType.HIST_GRADIENT_BOOSTING: HistGradientBoostingParams,
    ModelType.LOGISTIC_REGRESSION: LogisticRegressionParams,
    ModelType.RIDGE: RidgeParams,
    ModelType.MLP: MLPParams,
}

OLD_NAMES = {ModelType.HIST_GRADIENT_BOOSTING: {"n_estimators": "max_iter"}}  # by that of the library
CLASSIFICATION_ONLY = frozenset({ModelType.LOGISTIC_REGRESSION})
EARLY_STOPPING = frozenset({ModelType.LIGHTGBM, ModelType.XGBOOST, ModelType.HIST_GRADIENT_BOOSTING, ModelType.MLP})
READS_PARTS = frozenset({ModelType.LIGHTGBM})  # reads large data part by part, without a matrix of all rows
ONE_HOT_LIMIT = 50  # columns that one category feature may become
ONE_HOT_CELLS = 100_000_000  # columns times rows, together: 800 MB
CELLS_IN_MEMORY = 4_000_000  # 32 MB: a smaller matrix is read whole, which is quicker than in parts
DESCRIPTIONS: dict[ModelType, str] = {kind: (PARAMS[kind].__doc__ or "").split("\n")[0] for kind in ModelType}


@cache  # a schema takes longer than the check of a spec
def parameter_names(model_type: ModelType) -> tuple[str, ...]:
    """The names that a user may give, in the order of the description."""
    return tuple(PARAMS[model_type].model_json_schema()["properties"])


def describe(model_type: ModelType) -> dict[str, Any]:
    """What `GET /model-types` shows of one model type; `parameters` is a JSON Schema."""
    tasks = ["classification"] if model_type in CLASSIFICATION_ONLY else ["classification", "regression"]
    return {
        "model_type": model_type.value,
        "description": DESCRIPTIONS[model_type],
        "tasks": tasks,
        "early_stopping": model_type in EARLY_STOPPING,
        "parameters": PARAMS[model_type].model_json_schema(),
    }
