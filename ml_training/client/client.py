"""The client: one service, its data sets, jobs, models and results."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from ml_training.client import specs
from ml_training.client.changes import Changes
from ml_training.client.datasets import Dataset, Datasets
from ml_training.client.errors import ApiError, Json
from ml_training.client.jobs import Job, Jobs
from ml_training.client.keys import Keys
from ml_training.client.locate import find_service
from ml_training.client.models import Model, Models
from ml_training.client.results import (
    COMPARISON_COLUMNS,
    DRIFT_REPORT_COLUMNS,
    EXPLANATION_COLUMNS,
    PREDICTION_COLUMNS,
    STUDY_COLUMNS,
    TEST_RESULT_COLUMNS,
    Comparison,
    DriftReport,
    Explanation,
    Prediction,
    Results,
    Study,
    TestResult,
)
from ml_training.client.transport import RETRY_SECONDS, Transport
from ml_training.client.workers import Workers

DataRef = Dataset | int | str
ModelRef = Model | int | str


class Client:
    """Speaks to one service; safe for one thread at a time. A context manager, or `close()` it.

    url: the service, default ML_TRAINING_API_URL, else the stack that runs on this machine. api_key: for a service that
    asks for one, default ML_TRAINING_API_KEY; `key` is its older name. retry_seconds: for how long calls that are safe
    to repeat are repeated while the service is away; jobs are submitted with a key, so that a repeated submission never
    makes a second job.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        api_key: str | None = None,
        retry_seconds: float = RETRY_SECONDS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        address = find_service(url, api_key or key, environment=os.environ)
        self.url = address.url
        self.transport = Transport(address.url, key=address.key, retry_seconds=retry_seconds, pause=pause)
        self.changes = Changes(self)
        self.datasets = Datasets(self)
        self.jobs = Jobs(self)
        self.keys = Keys(self)
        self.models = Models(self)
        self.test_results = Results(self, "/test-results", TestResult, TEST_RESULT_COLUMNS)
        self.comparisons = Results(self, "/comparisons", Comparison, COMPARISON_COLUMNS)
        self.predictions = Results(self, "/predictions", Prediction, PREDICTION_COLUMNS)
        self.drift_reports = Results(self, "/drift-reports", DriftReport, DRIFT_REPORT_COLUMNS)
        self.studies = Results(self, "/studies", Study, STUDY_COLUMNS)
        self.workers = Workers(self)
        self.explanations = Results(self, "/explanations", Explanation, EXPLANATION_COLUMNS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def close(self) -> None:
        """Close all connections."""
        self.transport.close()

    def train(
        self,
        data: DataRef,
        *,
        target: str | Mapping[str, Any],
        model_type: str,
        name: str,
        params: Mapping[str, Any] | None = None,
        features: Sequence[str] | None = None,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> Job:
        """Submit a TRAIN job.

        data: a data set, its id, or a name for its newest READY version. target: a column, or a rule or horizon. name:
        of the model. more: every other field of a TRAIN spec, such as validation, exclude_features, train_start
        (docs/jobs.md). Raises ApiError with everything that is wrong with the job.
        """
        dataset_id = self._dataset_id(data)
        spec = specs.train_spec(
            dataset_id, target=target, model_type=model_type, name=name, params=params, features=features, **more
        )
        return self.jobs.submit(spec, idempotency_key=idempotency_key)

    def test(self, model: ModelRef, data: DataRef, *, idempotency_key: str | None = None, **more: Any) -> Job:
        """Submit a TEST job; more: test_start, test_end, phases, priority, max_runtime_seconds."""
        spec = specs.evaluation_spec(self._model_id(model), self._dataset_id(data), **more)
        return self.jobs.submit(spec, idempotency_key=idempotency_key)

    def compare(
        self,
        models: Sequence[ModelRef],
        data: DataRef,
        *,
        metric: str,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> Job:
        """Submit a COMPARE job of 2 to 20 models; more: as for `test`, and random_state."""
        ids = [self._model_id(model) for model in models]
        spec = specs.compare_spec(ids, self._dataset_id(data), metric=metric, **more)
        return self.jobs.submit(spec, idempotency_key=idempotency_key)

    def predict(
        self,
        model: ModelRef,
        data: DataRef | None = None,
        *,
        rows: Sequence[Mapping[str, Any]] | None = None,
        idempotency_key: str | None = None,
        **more: Any,
    ) -> Job:
        """Submit a PREDICT job on a data set, or on 1 to 1,000 rows.

        model: a model, its id, `name@alias`, or a name for its newest version. rows: one mapping of feature to value
        for each row; a missing key is a missing value. more: start, end, phases, keep, contributions, interval, format.
        """
        named = model.id if isinstance(model, Model) else model
        dataset_id = None if data is None else self._dataset_id(data)
        spec = specs.predict_spec(named, dataset_id=dataset_id, rows=rows, **more)
        return self.jobs.submit(spec, idempotency_key=idempotency_key)

    def tune(
        self,
        data: DataRef,
        *,
        target: str | Mapping[str, Any],
        search: Mapping[str, Any],
        metric: str,
        name: str,
        model_type: str | None = None,
        idempotency_key: str | None = None,
        train: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Job:
        """Submit a TUNE job: search the best parameters, and train a model with them.

        search: by JSON pointer into the training, {"low", "high", "log", "step"} or {"choices"}; a plain name is a
        parameter of the model type: "num_leaves" is "/params/num_leaves". train: every other field of the training,
        such as validation. more: sampler, trials, generation, halving, stop, random_state, priority
        (docs/tune.md).
        """
        dataset_id = self._dataset_id(data)
        spec = specs.tune_spec(
            dataset_id,
            target=target,
            search=search,
            metric=metric,
            name=name,
            model_type=model_type,
            train=train,
            **more,
        )
        return self.jobs.submit(spec, idempotency_key=idempotency_key)

    def explain(self, model: ModelRef, data: DataRef, *, idempotency_key: str | None = None, **more: Any) -> Job:
        """Submit an EXPLAIN job on rows that have a target.

        more: start, end, phases, sample_rows, metric, costs, random_state, priority, max_runtime_seconds.
        """
        spec = specs.explain_spec(self._model_id(model), self._dataset_id(data), **more)
        return self.jobs.submit(spec, idempotency_key=idempotency_key)

    def drift(self, model: ModelRef, data: DataRef, *, idempotency_key: str | None = None, **more: Any) -> Job:
        """Submit a DRIFT job: compare rows with those that the model was trained on.

        more: start, end, phases, sample_rows, threshold, random_state, priority, max_runtime_seconds.
        """
        spec = specs.drift_spec(self._model_id(model), self._dataset_id(data), **more)
        return self.jobs.submit(spec, idempotency_key=idempotency_key)

    def model_types(self) -> list[Json]:
        """The model types, with the parameters of each as JSON Schema."""
        items: list[Json] = self.transport.get("/model-types")["items"]
        return items

    def overview(self) -> Json:
        """What waits, runs and has ended, how many slots are busy, and how much is stored (docs/api.md)."""
        return self.transport.get("/overview")

    def live(self) -> Json:
        """Which process answers, and its version."""
        return self.transport.get_once("/health/live")

    def ready(self) -> Json:
        """Whether jobs can be accepted, and how each part of the service is."""
        try:
            return self.transport.get_once("/health/ready")
        except ApiError as error:
            if "parts" not in error.document:
                raise
            return error.document

    def _dataset_id(self, data: DataRef) -> int:
        if isinstance(data, Dataset):
            return data.id
        return data if isinstance(data, int) else self.datasets.get(data).id

    def _model_id(self, model: ModelRef) -> int:
        if isinstance(model, Model):
            return model.id
        return model if isinstance(model, int) else self.models.get(model).id
