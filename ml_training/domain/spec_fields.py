"""The field types of the specs, and their base class, which refuses unknown fields and coercion."""

import re
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

from ml_training.domain.limits import MAX_PHASES
from ml_training.domain.names import NAME_PATTERN

DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[T _]", re.IGNORECASE | re.ASCII)


def _text_only(value: object) -> object:
    # pydantic reads digits alone as seconds since the epoch.
    if not isinstance(value, datetime) and not (isinstance(value, str) and DATE_AND_TIME.match(value)):
        raise ValueError("must be an RFC 3339 time such as 2026-01-31T12:00:00Z")
    return value


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie in the years 1 to 9999, UTC") from None


Id = Annotated[StrictInt, Field(ge=1, le=2**53)]
ColumnName = Annotated[StrictStr, StringConstraints(min_length=1, max_length=256)]
Name = Annotated[StrictStr, StringConstraints(pattern=f"^{NAME_PATTERN}$")]
# RFC 3339 with an offset only, so that no local time zone and no epoch unit is guessed.
Time = Annotated[AwareDatetime, BeforeValidator(_text_only), AfterValidator(_utc)]
Phase = StrictInt | Annotated[StrictStr, StringConstraints(min_length=1, max_length=256)]
Phases = Annotated[list[Phase], Field(min_length=1, max_length=MAX_PHASES)]


class Spec(BaseModel):
    """Base of all specs: frozen, no unknown fields, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
