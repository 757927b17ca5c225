"""What a model predicts: a column, a rule on a column, or the change of a column within a horizon."""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    StringConstraints,
    Tag,
    TypeAdapter,
    field_validator,
)

from ml_training.domain.spec_fields import ColumnName, Duration, Spec, length_of

Operator = Literal[">", "<", ">=", "<=", "="]


class ColumnTarget(Spec):
    """The target is the column as it is."""

    column: ColumnName

    @property
    def is_made(self) -> bool:
        """Whether the target is two classes (false, true) that are computed from the column."""
        return False


class RuleTarget(Spec):
    """The target is true where the rule holds, false where it does not; rows without a value are dropped."""

    column: ColumnName
    operator: Operator
    value: StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, StringConstraints(max_length=256)]

    @field_validator("value")
    @classmethod
    def _comparable(cls, value: Any, info: Any) -> Any:
        operator = info.data.get("operator")
        if operator not in (None, "=") and isinstance(value, str | bool):
            raise ValueError(f"operator {operator} compares numbers: give a number, or use =")
        return value

    @property
    def is_made(self) -> bool:
        """See ColumnTarget."""
        return True


class HorizonTarget(Spec):
    """The target is true where the column moves by `min_percent_change` within the horizon.

    Compared is the last value of the row's group at or before time + horizon. A row is covered when its group has a
    row at or after that moment; rows that are not covered, and those whose own value is missing or 0, are dropped.
    """

    column: ColumnName
    horizon: Duration
    min_percent_change: Annotated[float, Field(gt=0, le=1e9, strict=True)]
    direction: Literal["up", "down"]

    @property
    def is_made(self) -> bool:
        """See ColumnTarget."""
        return True

    @property
    def length(self) -> timedelta:
        """The horizon."""
        return length_of(self.horizon)


def _kind(value: Any) -> str:
    """Which target is meant, by the fields that only one of them has."""
    fields = value.keys() if isinstance(value, dict) else type(value).model_fields if isinstance(value, Spec) else ()
    if {"horizon", "min_percent_change", "direction"}.intersection(fields):
        return "HorizonTarget"
    return "RuleTarget" if {"operator", "value"}.intersection(fields) else "ColumnTarget"


Target = Annotated[
    Annotated[ColumnTarget, Tag("ColumnTarget")]
    | Annotated[RuleTarget, Tag("RuleTarget")]
    | Annotated[HorizonTarget, Tag("HorizonTarget")],
    Discriminator(_kind),
]
_ANY_TARGET: TypeAdapter[ColumnTarget | RuleTarget | HorizonTarget] = TypeAdapter(Target)
AnyTarget = ColumnTarget | RuleTarget | HorizonTarget


def stored_target(body: object) -> AnyTarget:
    """A target read back from where it was stored; raises pydantic's ValidationError."""
    return _ANY_TARGET.validate_python(body)
