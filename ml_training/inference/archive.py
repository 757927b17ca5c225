"""Reads the archive of a model: a zip file of manifest.json and the model in its library's own format.

| format | the model | since |
|---|---|---|
| 1 | takes the model matrix, and answers in class codes and scaled numbers | the first version |
| 2 | takes a user's frame too, and answers in the user's classes and units | 2026-11 |
| 3 | as 2, but its probabilities are to be calibrated: a reader that does not know this must refuse it | 2026-12 |
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zipfile import BadZipFile, ZipFile

from ml_training.inference.calibration import Calibration
from ml_training.inference.errors import ArchiveError
from ml_training.inference.schema import PredictionSchema
from ml_training.inference.target_scaling import TargetScale

FORMAT_VERSION = 2
CALIBRATED_VERSION = 3
READABLE = (1, FORMAT_VERSION, CALIBRATED_VERSION)
MANIFEST = "manifest.json"
SKOPS, LIGHTGBM, XGBOOST = "skops", "lightgbm-text", "xgboost-ubj"
SUFFIXES = {SKOPS: "skops", LIGHTGBM: "txt", XGBOOST: "ubj"}
LARGEST_MODEL = 8 << 30  # bytes unpacked
LARGEST_MANIFEST = 256 << 20


@dataclass(frozen=True, slots=True, eq=False)
class ModelArchive:
    """The content of an archive; `payload`: the model in its library's format."""

    manifest: Mapping[str, Any]
    payload: bytes

    @property
    def model_type(self) -> str:
        """The algorithm."""
        return str(self.manifest["model_type"])

    @property
    def known_classes(self) -> tuple[int, ...]:
        """The codes of the classes that the model was fitted on; () for regression."""
        return tuple(map(int, self.manifest["known_classes"]))

    @property
    def schema(self) -> PredictionSchema:
        """What the model needs; raises KeyError, TypeError or ValueError when the manifest is damaged."""
        return PredictionSchema.from_json(self.manifest["schema"])

    @property
    def scale(self) -> TargetScale:
        """The units of a regression model."""
        return TargetScale.from_json(self.manifest["target_scale"])

    @property
    def calibration(self) -> Calibration | None:
        """What makes probabilities of the model's scores; None when nothing does. Raises as `schema`."""
        stored = self.manifest.get("calibration")
        return None if stored is None else Calibration.from_json(stored, classes=len(self.known_classes))


def model_file(artifact_format: str, scale: TargetScale, *, is_calibrated: bool = False) -> str:
    """The name of the model's file.

    A booster has no place for the scale of its target, and no library's file has one for a calibration: where there is
    one, another name keeps people from reading its predictions as data.
    """
    suffix = SUFFIXES[artifact_format]
    if is_calibrated:
        return f"model_uncalibrated.{suffix}"
    is_scaled = artifact_format != SKOPS and scale != TargetScale()
    return f"model_in_scaled_units.{suffix}" if is_scaled else f"model.{suffix}"


def read_archive(data: bytes) -> ModelArchive:
    """The manifest and the model of an archive; raises ArchiveError that says what is wrong.

    Nothing of the model itself is loaded or checked here.
    """
    try:
        with ZipFile(io.BytesIO(data)) as source:
            manifest = json.loads(_member(source, MANIFEST, LARGEST_MANIFEST))
            version = manifest["format_version"]
            if version not in READABLE:
                raise ArchiveError(f"format {version!r} of a model is not known: {READABLE} are; use a newer version")
            if manifest["artifact_format"] not in SUFFIXES:
                raise ArchiveError(f"a model in the format {manifest['artifact_format']!r} is not known")
            scale = TargetScale.from_json(manifest["target_scale"]) if version > 1 else TargetScale()
            name = model_file(manifest["artifact_format"], scale, is_calibrated=version == CALIBRATED_VERSION)
            if sorted(source.namelist()) != sorted([MANIFEST, name]):
                raise ArchiveError(f"a model's archive holds {MANIFEST} and {name}, this one {source.namelist()[:5]}")
            return ModelArchive(manifest, _member(source, name, LARGEST_MODEL))
    except (BadZipFile, KeyError, TypeError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveError(f"this is not the archive of a model: {error}") from error
    except json.JSONDecodeError as error:
        raise ArchiveError(f"{MANIFEST} is not JSON: {error}") from error


def _member(source: ZipFile, name: str, at_most: int) -> bytes:
    if source.getinfo(name).file_size > at_most:
        raise ArchiveError(f"{name} is larger than {at_most:,} bytes")
    return source.read(name)
