"""The key of a result: jobs with equal keys have equal results, byte for byte.

It holds all that the result depends on: the spec without the names and limits that do not change the result, the stored
data, the seed (which is in the spec), the versions of the libraries and of this code, and the kind of machine.
"""

import platform
from importlib.metadata import version
from typing import Any

from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.records import Dataset, Model
from ml_training.domain.specs import fingerprint, spec_json
from ml_training.domain.train_spec import TrainSpec
from ml_training.revision import code_revision
from ml_training.training import engine

# Data set and model are in the key by their content: equal bytes under another id are equal.
NOT_OF_THE_RESULT = frozenset(
    {"reuse", "priority", "max_runtime_seconds", "leakage", "model_name", "dataset_id", "model", "model_id"}
)


def training_key(spec: TrainSpec, dataset: Dataset) -> str:
    """Of a model, or of the scores of a trial."""
    return _key(spec, dataset, {})


def prediction_key(spec: PredictSpec, model: Model, dataset: Dataset | None, *, largest_error: float | None) -> str:
    """Of a prediction; largest_error: inside the interval or set, which models of equal bytes may have differently."""
    of_model = {"sha256": model.artifact_sha256, "schema": model.details.get("schema"), "largest_error": largest_error}
    return _key(spec, dataset, {"model": of_model})


def _key(spec: TrainSpec | PredictSpec, dataset: Dataset | None, more: dict[str, Any]) -> str:
    return fingerprint(
        {
            "spec": spec_json(spec, without=NOT_OF_THE_RESULT),
            "data": None if dataset is None else data_identity(dataset),
            "versions": {**engine.versions(), "pyarrow": version("pyarrow"), "machine": platform.machine()},
            "code_revision": code_revision(),
            **more,
        }
    )


def data_identity(dataset: Dataset) -> dict[str, Any]:
    """The file of a data set and how it was read: columns of free text are read from it, all others from the index."""
    return {
        "raw_sha256": dataset.raw_sha256,
        "index_sha256": dataset.index_sha256,
        "file_format": dataset.file_format,
        "roles": [dataset.time_column, dataset.phase_column, dataset.group_column],
        "options": (dataset.profile or {}).get("parsing", {}).get("options", {}),
    }
