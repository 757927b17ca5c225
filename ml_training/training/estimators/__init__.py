"""The algorithms, one family per file, and the list of all families."""

from ml_training.domain.algorithms import ModelType
from ml_training.training.estimators import forests, hist_gradient_boosting, light_gbm, linear, mlp, xgboost
from ml_training.training.estimators.base import Family

FAMILIES: dict[ModelType, Family] = {
    ModelType.LIGHTGBM: light_gbm.FAMILY,
    ModelType.XGBOOST: xgboost.FAMILY,
    ModelType.RANDOM_FOREST: forests.RANDOM_FOREST,
    ModelType.EXTRA_TREES: forests.EXTRA_TREES,
    ModelType.HIST_GRADIENT_BOOSTING: hist_gradient_boosting.FAMILY,
    ModelType.LOGISTIC_REGRESSION: linear.LOGISTIC_REGRESSION,
    ModelType.RIDGE: linear.RIDGE,
    ModelType.MLP: mlp.FAMILY,
}
