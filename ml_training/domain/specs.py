"""The job types and their specs: what each one asks for, which models it names, and what its result is called.

A spec class is the one description of a job type; `JobSpec` is the union of those that users submit.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StrictBool, StrictInt, TypeAdapter, ValidationError, field_validator

from ml_training.domain.algorithms import OLD_NAMES, PARAMS, ModelType, parameter_names
from ml_training.domain.drift_spec import DriftSpec
from ml_training.domain.errors import FieldError
from ml_training.domain.explain_spec import ExplainSpec
from ml_training.domain.file_options import FileOptions
from ml_training.domain.json_pointers import field_errors
from ml_training.domain.near_misses import MOST_SEARCHES
from ml_training.domain.object_sizes import large_objects
from ml_training.domain.predict_spec import PredictSpec
from ml_training.domain.spec_fields import Id, Phases, Spec, SubmittedSpec, Time, ordered
from ml_training.domain.train_spec import TrainSpec
from ml_training.domain.tune_spec import OF_THE_STUDY, StopRules, TrialSpec, TuneSpec

__all__ = [
    "FORMS",
    "SPECS",
    "CompareSpec",
    "IngestSpec",
    "JobSpec",
    "JobType",
    "StoredSpec",
    "TestSpec",
    "TrainSpec",
    "canonical_json",
    "fingerprint",
    "known_fields",
    "parse_spec",
    "spec_json",
    "stored_spec",
]


class JobType(StrEnum):
    """What a user asked for; INGEST is created with a data set, TRIAL by a TUNE job: neither is submitted by itself."""

    TRAIN = "TRAIN"
    TEST = "TEST"
    COMPARE = "COMPARE"
    PREDICT = "PREDICT"
    TUNE = "TUNE"
    TRIAL = "TRIAL"
    EXPLAIN = "EXPLAIN"
    DRIFT = "DRIFT"
    INGEST = "INGEST"


class TestSpec(SubmittedSpec):
    """Evaluate one model on a data set."""

    __test__ = False  # pytest must not collect this class

    result_field = "test_result_id"

    job_type: Literal["TEST"]
    model_id: Id
    dataset_id: Id
    phases: Phases | None = None
    test_start: Time | None = None
    test_end: Time | None = None

    @field_validator("test_end")
    @classmethod
    def _ordered(cls, end: datetime | None, info: Any) -> datetime | None:
        return ordered(end, info.data.get("test_start"), "test_start")

    def model_ids_by_pointer(self) -> Mapping[str, int]:
        """See SubmittedSpec."""
        return {"/model_id": self.model_id}


class CompareSpec(SubmittedSpec):
    """Rank 2 to 20 models on the same rows."""

    result_field = "comparison_id"

    job_type: Literal["COMPARE"]
    model_ids: Annotated[list[Id], Field(min_length=2, max_length=20)]
    dataset_id: Id
    phases: Phases | None = None
    test_start: Time | None = None
    test_end: Time | None = None
    metric: Literal[
        "accuracy",
        "f1",
        "precision",
        "recall",
        "roc_auc",
        "mcc",
        "log_loss",
        "fpr",
        "fnr",
        "rmse",
        "mae",
        "r2",
        "mape",
    ]
    random_state: Annotated[StrictInt, Field(ge=0, lt=2**31)] = 42

    @field_validator("test_end")
    @classmethod
    def _ordered(cls, end: datetime | None, info: Any) -> datetime | None:
        return ordered(end, info.data.get("test_start"), "test_start")

    @field_validator("model_ids")
    @classmethod
    def _distinct(cls, ids: list[int]) -> list[int]:
        if len(set(ids)) != len(ids):
            raise ValueError("names a model twice: each model once")
        return ids

    def model_ids_by_pointer(self) -> Mapping[str, int]:
        """See SubmittedSpec."""
        return {f"/model_ids/{number}": model_id for number, model_id in enumerate(self.model_ids)}


class IngestSpec(Spec):
    """Parse and profile an uploaded file. The service creates this job together with the data set."""

    result_field: ClassVar[str] = "dataset_id"
    shown_if_set: ClassVar[frozenset[str]] = frozenset({"refresh"})

    job_type: Literal["INGEST"]
    dataset_id: Id
    options: FileOptions = FileOptions()
    refresh: StrictBool = False  # ask the origin of the data set again; its result is the same data set or a new one


JobSpec = Annotated[
    TrainSpec | TestSpec | CompareSpec | PredictSpec | ExplainSpec | DriftSpec | TuneSpec,
    Field(discriminator="job_type"),
]
StoredSpec = Annotated[JobSpec | TrialSpec | IngestSpec, Field(discriminator="job_type")]
_SUBMITTED: TypeAdapter[JobSpec] = TypeAdapter(JobSpec)
_STORED: TypeAdapter[StoredSpec] = TypeAdapter(StoredSpec)
SPECS: Mapping[JobType, type[SubmittedSpec] | type[TrialSpec] | type[IngestSpec]] = {
    JobType.TRAIN: TrainSpec,
    JobType.TEST: TestSpec,
    JobType.COMPARE: CompareSpec,
    JobType.PREDICT: PredictSpec,
    JobType.TUNE: TuneSpec,
    JobType.TRIAL: TrialSpec,
    JobType.EXPLAIN: ExplainSpec,
    JobType.DRIFT: DriftSpec,
    JobType.INGEST: IngestSpec,
}


MADE_BY_THE_SERVICE = frozenset({JobType.INGEST, JobType.TRIAL})
FORMS = {
    "": '{"job_type": "TRAIN", ...}',
    "/target": '{"column": "..."}',
    "/validation": '{"method": "holdout", "test_size": 0.2}',
    "/feature_engineering": '{"windows": [5, 10]}',
    "/params": '{"max_depth": 8}',
    "/train": '{"model_type": "lightgbm", "dataset_id": 1, "target": {"column": "..."}}',
    "/search": '{"/params/learning_rate": {"low": 0.01, "high": 0.3, "log": true}}',
    "/costs": '{"false_positive": 1, "false_negative": 5}',
}


def known_fields(body: object) -> Mapping[str, Collection[str]]:
    """The fields that each object of a submitted spec may have, by its pointer; for messages."""
    job_type = body.get("job_type") if isinstance(body, dict) else None
    submitted = [spec for name, spec in SPECS.items() if name not in MADE_BY_THE_SERVICE]
    by_name = {name.value: spec for name, spec in SPECS.items()}
    if job_type == JobType.TUNE:
        return {
            "": list(TuneSpec.model_fields),
            "/train": [field for field in TrainSpec.model_fields if field not in OF_THE_STUDY],
            "/stop": list(StopRules.model_fields),
        }
    meant = [by_name[job_type]] if isinstance(job_type, str) and job_type in by_name else submitted
    return {
        "": [field for spec in meant for field in spec.model_fields],
        "/target": ["column", "operator", "value", "horizon", "min_percent_change", "direction"],
        "/validation": ["method", "test_size", "splits", "purge", "embargo", "group_column"],
        "/feature_engineering": ["windows"],
        "/costs": ["false_positive", "false_negative"],
    }


def parse_spec(
    body: object, *, max_runtime_seconds: int, searches: int = MOST_SEARCHES
) -> tuple[JobSpec | None, tuple[FieldError, ...]]:
    """The validated spec, or None and every error; `params` get their defaults here.

    searches: for how many unknown fields the errors may say what was probably meant.
    """
    if errors := large_objects(body):
        return None, errors
    params, errors = _parse_params(body, searches)
    try:
        spec = _SUBMITTED.validate_python(body)
    except ValidationError as error:
        return None, field_errors(error, body, names=known_fields(body), forms=FORMS, searches=searches) + errors
    runtime = spec.max_runtime_seconds or max_runtime_seconds
    if runtime > max_runtime_seconds:
        errors += (FieldError("/max_runtime_seconds", f"must be at most {max_runtime_seconds}"),)
    update: dict[str, Any] = {"max_runtime_seconds": runtime}
    if isinstance(spec, TrainSpec):
        update["params"] = params
    return (None, errors) if errors else (spec.model_copy(update=update), ())


def _parse_params(body: object, searches: int) -> tuple[dict[str, Any], tuple[FieldError, ...]]:
    # Separate from the other fields, so that a wrong parameter and a wrong field are reported together.
    if not isinstance(body, dict) or body.get("job_type") != JobType.TRAIN:
        return {}, ()
    params = body.get("params", {})
    if (
        not isinstance(body.get("model_type"), str)
        or body["model_type"] not in set(ModelType)
        or not isinstance(params, dict)
    ):
        return {}, ()
    model_type = ModelType(body["model_type"])
    try:
        return PARAMS[model_type].model_validate(params).model_dump(mode="json"), ()
    except ValidationError as error:
        known = {"": parameter_names(model_type)}
        errors = field_errors(error, params, prefix="/params", names=known, searches=searches)
        return {}, tuple(_same_parameter(error, model_type, params) for error in errors)


def _same_parameter(error: FieldError, model_type: ModelType, params: Mapping[str, Any]) -> FieldError:
    """Says so when a parameter is given under both of its names."""
    name = error.pointer.removeprefix("/params/")
    shown = OLD_NAMES.get(model_type, {}).get(name)
    return FieldError(error.pointer, f"is the same as {shown}: give one of them") if shown in params else error


def stored_spec(body: object) -> StoredSpec:
    """A spec read back from its row; raises pydantic's ValidationError if the row was tampered with."""
    return _STORED.validate_python(body)


def canonical_json(value: object) -> str:
    """One text for equal values: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def spec_json(spec: Spec, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The spec as it is stored and shown: every default filled in, but those of `shown_if_set`."""
    fields = type(spec).model_fields
    unset = {name for name in spec.shown_if_set if getattr(spec, name) == fields[name].default}
    return spec.model_dump(mode="json", exclude={*without, *unset})


def fingerprint(value: object) -> str:
    """SHA-256 of the canonical JSON: equal requests have equal fingerprints."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
