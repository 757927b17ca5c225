"""Stores a model in one file and loads it: a canonical zip of manifest.json and the library's own format."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
from skops.io.exceptions import UntrustedTypesFoundException

from ml_training.domain.algorithms import ModelType
from ml_training.domain.errors import ErrorCode, JobFailed
from ml_training.domain.states import TaskKind
from ml_training.inference.archive import (
    CALIBRATED_VERSION,
    FORMAT_VERSION,
    LIGHTGBM,
    MANIFEST,
    SKOPS,
    XGBOOST,
    model_file,
    read_archive,
)
from ml_training.inference.calibration import Calibration
from ml_training.inference.fitted_model import ROWS_PER_BATCH, FittedModel
from ml_training.inference.known_classes import task_for
from ml_training.inference.target_scaling import TargetScale
from ml_training.selection.index import SelectionIndex
from ml_training.selection.plan import ModelSchema
from ml_training.selection.split import Positions
from ml_training.training.canonical import SCHEMA, archive
from ml_training.training.cores import Cores
from ml_training.training.estimators import FAMILIES
from ml_training.training.estimators.base import Contributor, Predictor, UserTerms
from ml_training.training.matrix import FeatureRows, Matrix, MatrixReader, as_matrix
from ml_training.training.scores import Predictions
from ml_training.training.stage_progress import StageProgress, slices
from ml_training.training.training_schema import UNSAVED
from ml_training.training.versions import versions

BOOSTER_SHARE = 1  # bytes in memory for each byte of LightGBM's text and XGBoost's UBJSON
OBJECTS_SHARE = 2  # and for each byte that describes the objects of scikit-learn
USED_BY = {SKOPS: ("numpy", "scikit_learn", "skops"), LIGHTGBM: ("lightgbm", "numpy"), XGBOOST: ("numpy", "xgboost")}


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model ready to predict; the schema holds the order of the classes and the positive class."""

    schema: ModelSchema
    model_type: ModelType
    predictor: Predictor
    scale: TargetScale
    known_classes: tuple[int, ...] = ()  # the codes of the classes that it was fitted on
    calibration: Calibration | None = None

    def predict(self, x: Matrix, *, threads: int = 1) -> NDArray[Any]:
        """Class codes, or numbers, of shape (rows,)."""
        predicted = self.predictions(x, threads=threads)
        return predicted.labels if self.schema.task.is_classification else predicted.values

    def predict_proba(self, x: Matrix, *, threads: int = 1) -> NDArray[np.float64] | None:
        """Probabilities of shape (rows, classes); None when the model has none."""
        predicted = self.predictions(x, threads=threads)
        return predicted.values if predicted.probabilistic else None

    def predictions(self, x: Matrix, *, threads: int) -> Predictions:
        """The predictions that scores are computed from."""
        values = self.fitted.values(x, threads=threads)
        return Predictions(self.schema.task, self.schema.positive, values, self.fitted.probabilistic)

    @property
    def fitted(self) -> FittedModel:
        """The model as the Python client uses it too."""
        return FittedModel(self.schema.for_prediction, self.predictor, self.scale, self.known_classes, self.calibration)

    def contributions(self, x: Matrix, *, threads: int) -> NDArray[np.float64]:
        """How much each feature moves the raw score of a row, and the base, of shape (rows, features + 1).

        Their sum is the raw score, before any calibration. With more than two classes each class has a raw score, and a
        block of features + 1 columns: NaN for a class that the model never saw. Only for a model that `can_contribute`.
        """
        if not isinstance(self.predictor, Contributor):
            raise TypeError(f"{self.model_type} has no contributions")
        found = self.predictor.contributions(x, threads=threads)
        if self.schema.task is not TaskKind.MULTICLASS:
            return found
        return _of_all_classes(found, self.known_classes, len(self.schema.classes or ()), len(self.schema.features) + 1)

    def predict_rows(
        self, index: SelectionIndex, rows: Positions, *, cores: Cores, progress: StageProgress
    ) -> Predictions:
        """Predictions for rows of a data set, in batches; raises Interrupted."""
        parts = slices(len(rows), size=ROWS_PER_BATCH)
        reader = MatrixReader(index, self.schema.features)
        matrices = (reader.read(rows[part]) for part in parts)
        return self._in_batches(matrices, rows=len(rows), cores=cores, progress=progress)

    def predict_matrix(self, x: Matrix | FeatureRows, *, cores: Cores, progress: StageProgress) -> Predictions:
        """Predictions for rows of a model matrix, in batches; raises Interrupted."""
        parts = slices(len(x), size=ROWS_PER_BATCH)
        return self._in_batches((as_matrix(x[part]) for part in parts), rows=len(x), cores=cores, progress=progress)

    def _in_batches(
        self, matrices: Iterable[Matrix], *, rows: int, cores: Cores, progress: StageProgress
    ) -> Predictions:
        found: NDArray[np.float64] | None = None
        for number, x in enumerate(matrices, start=1):
            values = self.predictions(x, threads=cores.granted()).values
            if found is None:  # at once as large as it gets: to put batches together would take the memory twice
                found = values if len(values) == rows else np.empty((rows, *values.shape[1:]), values.dtype)
            done = min(number * ROWS_PER_BATCH, rows)
            if found is not values:
                found[done - len(values) : done] = values
            progress.step(done, rows, f"{done} of {rows} rows predicted")
        if found is None:
            raise ValueError("no rows to predict")
        return Predictions(self.schema.task, self.schema.positive, found, self.fitted.probabilistic)


def _of_all_classes(found: NDArray[np.float64], known: Sequence[int], classes: int, width: int) -> NDArray[np.float64]:
    """Contributions to the raw scores of the known classes as those of all classes."""
    blocks = found.reshape(len(found), -1, width)
    if len(known) == 2 and blocks.shape[1] == 1:  # one raw score: that of the second class against the first
        blocks = np.concatenate([-blocks, blocks], axis=1)
    wide = np.full((len(found), classes, width), np.nan)
    wide[:, list(known)] = blocks
    return wide.reshape(len(found), classes * width)


def pack(model: LoadedModel) -> bytes:
    """The artifact of a model; equal models give equal bytes."""
    artifact_format, calibration = FAMILIES[model.model_type].artifact_format, model.calibration
    manifest = {
        "format_version": FORMAT_VERSION if calibration is None else CALIBRATED_VERSION,
        "artifact_format": artifact_format,
        "model_type": model.model_type.value,
        "schema": model.schema.to_json(),
        "target_scale": model.scale.to_json(),
        "known_classes": list(model.known_classes),
        "versions": {name: versions()[name] for name in USED_BY[artifact_format]},
    }
    if calibration is not None:
        manifest["calibration"] = calibration.to_json()
    text = json.dumps(manifest, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    classes = model.schema.classes or ()
    terms = UserTerms(model.schema.features, tuple(classes[code] for code in model.known_classes), model.scale)
    name = model_file(artifact_format, model.scale, is_calibrated=calibration is not None)
    return archive({MANIFEST: text.encode(), name: model.predictor.dump(terms)})


def unpacked_bytes(artifact: bytes) -> int:
    """About how many bytes the model of an artifact takes in memory once it is loaded."""
    content = read_archive(artifact)
    if content.manifest["artifact_format"] in (LIGHTGBM, XGBOOST):
        return BOOSTER_SHARE * len(content.payload)
    with ZipFile(BytesIO(content.payload)) as members:
        sizes = {member.filename: member.file_size for member in members.infolist()}
    described = sizes.pop(SCHEMA)
    return sum(sizes.values()) + OBJECTS_SHARE * described


def load_model(artifact: bytes, *, model_id: int = UNSAVED) -> LoadedModel:
    """The model of an artifact; raises JobFailed (integrity) when the bytes are not a model.

    The caller must have checked the SHA-256 of the bytes: a forged tree can crash LightGBM and scikit-learn.
    """
    try:
        return _unpack(artifact, model_id)
    except (BadZipFile, KeyError, TypeError, ValueError, UntrustedTypesFoundException) as error:
        message = "the stored model cannot be read"
        hint = "it was damaged, or written by another version: train it again"
        raise JobFailed(ErrorCode.INTEGRITY, message, hint=hint) from error


def _unpack(artifact: bytes, model_id: int) -> LoadedModel:
    content = read_archive(artifact)
    model_type = ModelType(content.model_type)
    schema = ModelSchema.from_json(content.manifest["schema"], model_id=model_id)
    known = content.known_classes
    return LoadedModel(
        schema=schema,
        model_type=model_type,
        predictor=FAMILIES[model_type].load(content.payload, task_for(schema.task, known)),
        scale=content.scale,
        known_classes=known,
        calibration=content.calibration,
    )
