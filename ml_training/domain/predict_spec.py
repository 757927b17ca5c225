"""The spec of PREDICT: a model, by its id or its name, and the rows that it is applied to."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictStr, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

from ml_training.domain.conformal import LEAST_CONFIDENCE, MOST_CONFIDENCE
from ml_training.domain.names import NAME_PATTERN
from ml_training.domain.patterns import ALIAS_PATTERN
from ml_training.domain.spec_fields import ColumnName, Id, Phases, SubmittedSpec, Time, ordered


def _cell(value: object) -> object:
    if value is not None and not isinstance(value, str | bool | int | float):
        raise ValueError("must be text, a number, true, false or null")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number, or null where it is missing")
    return value


def _reference(text: str) -> str:
    if not REFERENCE.fullmatch(text):
        raise ValueError("must be the name of a model, for its newest version, or name@alias")
    return text


MOST_ROWS_GIVEN = 1_000
MOST_COLUMNS_KEPT = 1_000
_TYPES = [{"type": name} for name in ("string", "number", "boolean", "null")]
Cell = Annotated[Any, AfterValidator(_cell), WithJsonSchema({"anyOf": _TYPES})]
Row = dict[ColumnName, Cell]
REFERENCE = re.compile(f"{NAME_PATTERN}(@{ALIAS_PATTERN})?")
ModelReference = Annotated[
    StrictStr, AfterValidator(_reference), Field(json_schema_extra={"pattern": f"^{REFERENCE.pattern}$"})
]


class PredictSpec(SubmittedSpec):
    """Apply one model to the rows of a data set, or to rows that the spec gives."""

    result_field = "prediction_id"

    job_type: Literal["PREDICT"]
    model: ModelReference | None = Field(None, description="name@alias, or name: its newest version")
    model_id: Id | None = Field(None, validate_default=True)
    rows: Annotated[list[Row], Field(min_length=1, max_length=MOST_ROWS_GIVEN)] | None = None
    dataset_id: Id | None = Field(None, validate_default=True)
    phases: Phases | None = None
    start: Time | None = None
    end: Time | None = None
    keep: list[ColumnName] = Field(default_factory=list, max_length=MOST_COLUMNS_KEPT)
    contributions: StrictBool = False
    interval: Annotated[StrictFloat, Field(ge=LEAST_CONFIDENCE, le=MOST_CONFIDENCE)] | None = Field(
        None, description="the confidence of the columns low and high, or of prediction_set for classes"
    )
    format: Literal["parquet", "csv"] = "parquet"
    reuse: StrictBool = Field(
        default=False, exclude_if=lambda value: not value, description="take the file of an equal job, if there is one"
    )

    @field_validator("model_id")
    @classmethod
    def _names_a_model(cls, model_id: int | None, info: Any) -> int | None:
        # A wrong model is not in `data`: it has an error of its own.
        if model_id is None and "model" in info.data and info.data["model"] is None:
            raise PydanticCustomError("missing", "field required: give model_id, or model")
        return model_id

    @field_validator("dataset_id")
    @classmethod
    def _one_source(cls, dataset_id: int | None, info: Any) -> int | None:
        if "rows" in info.data and (dataset_id is None) is (info.data["rows"] is None):
            if dataset_id is None:
                raise PydanticCustomError("missing", "field required: give dataset_id, or rows")
            raise ValueError("does not go with rows: give one of them")
        return dataset_id

    @field_validator("phases", "start", "end")
    @classmethod
    def _of_a_data_set(cls, value: Any, info: Any) -> Any:
        if value is not None and info.data.get("rows") is not None:
            raise ValueError("selects rows of a data set: leave it out, every row that is given is predicted")
        return value

    @field_validator("end")
    @classmethod
    def _ordered(cls, end: datetime | None, info: Any) -> datetime | None:
        return ordered(end, info.data.get("start"), "start")

    def model_ids_by_pointer(self) -> Mapping[str, int]:
        """See SubmittedSpec; empty while `model` has not been looked up."""
        return {} if self.model_id is None else {self.model_pointer: self.model_id}

    @property
    def model_pointer(self) -> str:
        """The field that names the model."""
        return "/model_id" if self.model is None else "/model"
