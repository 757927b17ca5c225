"""The names of the scores. Without pydantic: the client uses them too."""

CLASSIFICATION_METRICS = ("accuracy", "f1", "precision", "recall", "roc_auc", "mcc", "log_loss", "fpr", "fnr")
REGRESSION_METRICS = ("rmse", "mae", "r2", "mape")
LOWER_IS_BETTER = frozenset({"log_loss", "fpr", "fnr", "rmse", "mae", "mape"})
SCORES = (*CLASSIFICATION_METRICS, *REGRESSION_METRICS)
