"""Estimators of scikit-learn whose training runs on the service: they fit there and predict here.

They follow scikit-learn's conventions, so they work in `cross_val_score`, pipelines and searches. Needs scikit-learn.
"""

from typing import Any, Self, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ml_training.client.client import Client

TARGET = "target of the training"  # a column that no sensible table has
ALL_ROWS = {"method": "cross_validation", "splits": 2}  # with splits, the stored model is fitted on all rows


class _RemoteEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """See RemoteClassifier."""

    _task: str

    def __init__(
        self,
        model_type: str = "lightgbm",
        *,
        params: dict[str, Any] | None = None,
        validation: dict[str, Any] | None = None,
        random_state: int = 42,
        name: str = "scikit-learn",
        client: Client | None = None,
    ) -> None:
        self.model_type = model_type
        self.params = params
        self.validation = validation
        self.random_state = random_state
        self.name = name
        self.client = client

    def __sklearn_tags__(self) -> Any:
        """Missing values and text are the service's matter."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Without connections: the model is found again by its id."""
        return {name: value for name, value in super().__getstate__().items() if name not in ("client", "_model")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({"client": None, **state})

    def _fit(self, table: pd.DataFrame, target: Any) -> None:
        client = self._client()
        data = client.datasets.upload(table.assign(**{TARGET: target}), name=self.name, progress=False)
        job = client.train(
            data,
            target=TARGET,
            task=self._task,
            model_type=self.model_type,
            name=self.name,
            params=self.params,
            validation=ALL_ROWS if self.validation is None else self.validation,
            random_state=int(self.random_state),
        )
        self._model = job.wait(progress=False).model
        self.model_id_ = self._model.id

    def _table(self, x: Any, *, reset: bool) -> pd.DataFrame:
        """The features as a table whose columns have names; checks them as scikit-learn does."""
        least = 2 if reset else 1  # of rows
        options: dict[str, Any] = {"dtype": None, "ensure_all_finite": "allow-nan", "ensure_min_samples": least}
        checked = validate_data(self, x, reset=reset, **options)
        if isinstance(x, pd.DataFrame):
            return x.reset_index(drop=True).rename(columns=str)
        names = [f"x{number}" for number in range(checked.shape[1])]
        return pd.DataFrame(checked, columns=names).infer_objects()

    def _loaded(self) -> Any:
        check_is_fitted(self, "model_id_")
        if not hasattr(self, "_model"):
            self._model = self._client().models.get(self.model_id_)
        return self._model.load()

    def _client(self) -> Client:
        return self.client if self.client is not None else Client()


class RemoteClassifier(ClassifierMixin, _RemoteEstimator):  # type: ignore[misc]
    """A classifier that is trained by the service.

    model_type, params, validation, random_state: of the TRAIN spec (docs/jobs.md); by default it is fitted on all
    rows, as scikit-learn does. name: of the data set and of the model, a new version for each fit. client: default
    `Client()`. After `fit`: `classes_`, `model_id_` and `n_features_in_`. Missing values and text columns are allowed.
    """

    _task = "classification"
    classes_: NDArray[Any]

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - the names of scikit-learn
        """Upload the rows and train; X: rows x features, y: a label for each row. Raises ApiError or JobFailed."""
        table = self._table(X, reset=True)
        labels = _target(table, y)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("Classifier can't train when only one class is present.")
        # Texts that sort as the classes do, whatever the labels are.
        self._fit(table, [f"class {code:06d}" for code in codes])
        return self

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """The most probable class of each row."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return cast("NDArray[Any]", self.classes_[likeliest])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """The probability of each class: rows x classes, in the order of `classes_`."""
        check_is_fitted(self, "model_id_")
        table = self._table(X, reset=False)
        loaded = self._loaded()
        found = np.asarray(loaded.predict_proba(table), dtype=np.float64)
        columns = [int(str(label).removeprefix("class ")) for label in loaded.classes]
        ordered = np.zeros((len(table), len(self.classes_)))
        ordered[:, columns] = found
        return ordered


class RemoteRegressor(RegressorMixin, _RemoteEstimator):  # type: ignore[misc]
    """A regressor that is trained by the service; see RemoteClassifier."""

    _task = "regression"

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Upload the rows and train; X: rows x features, y: a number for each row. Raises ApiError or JobFailed."""
        table = self._table(X, reset=True)
        self._fit(table, np.asarray(_target(table, y), dtype=np.float64))
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """The prediction for each row, in the units of y."""
        check_is_fitted(self, "model_id_")
        table = self._table(X, reset=False)
        return np.asarray(self._loaded().predict(table), dtype=np.float64)


def _target(table: pd.DataFrame, y: Any) -> NDArray[Any]:
    """y as one array with an entry for each row; raises ValueError as scikit-learn does."""
    from sklearn.utils import check_consistent_length, column_or_1d
    from sklearn.utils.validation import _check_y

    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    checked = column_or_1d(y, warn=True)
    _check_y(checked, multi_output=False, y_numeric=False)
    check_consistent_length(table, checked)
    return np.asarray(checked)
