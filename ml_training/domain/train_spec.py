"""The spec of TRAIN: the data, the target and the algorithm of one training."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt, field_validator

from ml_training.domain.algorithms import CLASSIFICATION_ONLY, EARLY_STOPPING, ModelType
from ml_training.domain.spec_fields import ColumnName, Id, Name, Phases, SubmittedSpec, Time, ordered
from ml_training.domain.targets import Target
from ml_training.domain.validation import FeatureEngineering, Holdout, Validation


class TrainSpec(SubmittedSpec):
    """Train one model."""

    result_field = "model_id"
    shown_if_set = frozenset({"keep_out_of_fold", "engine", "calibration"})

    job_type: Literal["TRAIN"]
    model_name: Name
    model_type: ModelType
    dataset_id: Id
    target: Target
    task: Literal["classification", "regression"] | None = None
    features: Literal["auto"] | Annotated[list[ColumnName], Field(min_length=1)] = "auto"
    exclude_features: list[ColumnName] = Field(default_factory=list)
    phases: Phases | None = None
    train_start: Time | None = None
    train_end: Time | None = None
    feature_engineering: FeatureEngineering | None = None
    class_balance: Literal["none", "weights", "smote"] = "none"
    validation: Validation = Holdout()
    params: dict[str, Any] = Field(default_factory=dict)
    early_stopping_rounds: Annotated[StrictInt, Field(ge=1, le=1_000)] | None = None
    random_state: Annotated[StrictInt, Field(ge=0, lt=2**31)] = 42
    # Left out of what is stored unless it is given: specs and fingerprints from before it stay what they were.
    leakage: Annotated[Literal["refuse"] | None, Field(exclude_if=lambda value: value is None)] = None
    keep_out_of_fold: StrictBool = False
    calibration: Literal["none", "sigmoid", "isotonic"] = "none"
    engine: Literal["dask"] | None = None  # None: the worker's own process; after the fields that it depends on
    reuse: StrictBool = Field(
        default=False, exclude_if=lambda value: not value, description="take the model of an equal job, if there is one"
    )

    @field_validator("train_end")
    @classmethod
    def _ordered(cls, end: datetime | None, info: Any) -> datetime | None:
        return ordered(end, info.data.get("train_start"), "train_start")

    @field_validator("task")
    @classmethod
    def _can_do_the_task(cls, task: str | None, info: Any) -> str | None:
        model_type = info.data.get("model_type")
        if task == "regression" and model_type in CLASSIFICATION_ONLY:
            raise ValueError(f"{model_type.value} does classification only: choose another model_type")
        if task == "regression" and getattr(info.data.get("target"), "is_made", False):
            raise ValueError("a rule or a horizon gives two classes: leave task out")
        return task

    @field_validator("class_balance")
    @classmethod
    def _has_classes(cls, balance: str, info: Any) -> str:
        if balance != "none" and info.data.get("task") == "regression":
            raise ValueError("balances classes, and regression has none: leave it out")
        return balance

    @field_validator("calibration")
    @classmethod
    def _has_probabilities(cls, calibration: str, info: Any) -> str:
        if calibration != "none" and info.data.get("task") == "regression":
            raise ValueError("is of the probabilities of classes, and regression has none: leave it out")
        return calibration

    @field_validator("early_stopping_rounds")
    @classmethod
    def _can_stop_early(cls, rounds: int | None, info: Any) -> int | None:
        model_type = info.data.get("model_type")
        if rounds is not None and model_type is not None and model_type not in EARLY_STOPPING:
            raise ValueError(f"{model_type.value} does not know early stopping: leave it out")
        if rounds is not None and info.data.get("params", {}).get("boosting_type") == "dart":
            raise ValueError("does not go with boosting_type dart: leave one of them out")
        return rounds

    @field_validator("engine")
    @classmethod
    def _can_use_the_engine(cls, engine: str | None, info: Any) -> str | None:
        reasons = [] if engine is None else list(_not_on_a_cluster(info.data))
        if reasons:
            raise ValueError(f"dask {'; '.join(reasons)}; or leave engine out")
        return engine

    @field_validator("reuse")
    @classmethod
    def _is_reproducible(cls, reuse: bool, info: Any) -> bool:
        if reuse and info.data.get("engine") is not None:
            raise ValueError("does not go with engine, since equal jobs may make other models: leave one of them out")
        return reuse


def _not_on_a_cluster(values: Mapping[str, Any]) -> Iterator[str]:
    """What of a TRAIN spec a Dask cluster cannot do, and what to do about it; a wrong field is missing in `values`."""
    if values.get("model_type", ModelType.LIGHTGBM) is not ModelType.LIGHTGBM:
        yield "trains lightgbm only: choose that model_type"
    if values.get("early_stopping_rounds") is not None:
        yield "has no early stopping, since each cluster worker sees its own rows only: leave early_stopping_rounds out"
    if values.get("class_balance") == "smote":
        yield "cannot make rows between neighbours: choose class_balance weights"
