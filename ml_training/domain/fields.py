"""The kinds of fields that specs are made of, and the base that makes them closed and strict."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    StringConstraints,
)

from ml_training.domain.limits import NAME_PATTERN


def _text_only(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise ValueError("must be an RFC 3339 time such as 2026-01-31T12:00:00Z")  # noqa: TRY004 - pydantic's way
    return value


Id = Annotated[StrictInt, Field(ge=1, le=2**53)]
ColumnName = Annotated[StrictStr, StringConstraints(min_length=1, max_length=256)]
Name = Annotated[StrictStr, StringConstraints(pattern=f"^{NAME_PATTERN}$")]
# RFC 3339 with an offset only, so that nobody's local clock and no epoch unit is guessed.
Time = Annotated[AwareDatetime, BeforeValidator(_text_only), AfterValidator(lambda value: value.astimezone(UTC))]
Phase = StrictInt | Annotated[StrictStr, StringConstraints(min_length=1, max_length=256)]


class Spec(BaseModel):
    """Base of all specs: frozen, closed, no coercion, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
