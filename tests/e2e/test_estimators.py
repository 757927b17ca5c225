"""RemoteClassifier and RemoteRegressor are estimators of scikit-learn, trained by the real stack."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from ml_training.client import Client, RemoteClassifier, RemoteRegressor
from tests.support.stack_process import StackProcess, start_stack

pytestmark = pytest.mark.slow
NOT_APPLICABLE: dict[str, str] = {}  # check -> why it cannot pass


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackProcess]:
    """The single-machine stack, ready and empty."""
    with start_stack(tmp_path_factory.mktemp("up") / "data") as stack:
        stack.wait_until_ready()
        yield stack


@pytest.fixture(autouse=True)
def address(stack: StackProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimators find the stack as a user's would."""
    monkeypatch.setenv("ML_TRAINING_DATA_DIR", str(stack.data_dir))


def test_a_classifier_works_in_a_pipeline_and_in_cross_validation() -> None:
    x, y = load_iris(return_X_y=True, as_frame=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    pipeline = make_pipeline(StandardScaler(), RemoteClassifier("logistic_regression"))
    assert cross_val_score(pipeline, x, names, cv=3).mean() > 0.9
    pipeline.fit(x, names)
    assert list(pipeline.classes_) == ["setosa", "versicolor", "virginica"]
    assert pipeline.predict_proba(x[:7]).shape == (7, 3)


def test_text_columns_and_missing_values_are_the_services_matter() -> None:
    frame = pd.DataFrame({"plan": ["a", "b", None, "b"] * 30, "age": [1.0, np.nan, 3.0, 4.0] * 30})
    left = (frame["plan"] == "b").to_numpy()
    fitted = RemoteClassifier("lightgbm", params={"min_child_samples": 2}).fit(frame, left)
    assert (fitted.predict(frame) == left).all()
    assert Client().models.get(fitted.model_id_).model_type == "lightgbm"


def test_a_regressor_predicts_numbers_in_the_units_of_the_target() -> None:
    x, y = load_diabetes(return_X_y=True)
    regressor = clone(RemoteRegressor("ridge", params={"alpha": 0.1})).fit(x, y)
    assert regressor.score(x, y) > 0.5


@pytest.mark.parametrize("estimator", [RemoteClassifier("logistic_regression"), RemoteRegressor("ridge")], ids=repr)
def test_the_conventions_of_scikit_learn_hold(estimator: RemoteClassifier | RemoteRegressor) -> None:
    results = check_estimator(estimator, expected_failed_checks=NOT_APPLICABLE, on_fail=None, on_skip=None)
    failed = {
        result["check_name"]: repr(result["exception"])[:300] for result in results if result["status"] == "failed"
    }
    assert failed == {}
    assert len(results) > 40
