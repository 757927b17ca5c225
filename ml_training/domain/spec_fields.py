"""The field types of the specs, and their base classes, which refuse unknown fields and coercion."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

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
from ml_training.domain.patterns import DURATION_PATTERN

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST_DURATION = timedelta(days=36_525)  # a century: far inside the range of 64-bit microseconds
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


def length_of(duration: str) -> timedelta:
    """What a text such as "5m" means; it has the form of DURATION_PATTERN."""
    return timedelta(**{UNITS[duration[-1]]: int(duration[:-1])})


def _not_too_long(duration: str) -> str:
    if length_of(duration) > LONGEST_DURATION:
        raise ValueError(f"must be at most {LONGEST_DURATION.days}d")
    return duration


Id = Annotated[StrictInt, Field(ge=1, le=2**53)]
ColumnName = Annotated[StrictStr, StringConstraints(min_length=1, max_length=256)]
Name = Annotated[StrictStr, StringConstraints(pattern=f"^{NAME_PATTERN}$")]
# RFC 3339 with an offset only, so that no local time zone and no epoch unit is guessed.
Time = Annotated[AwareDatetime, BeforeValidator(_text_only), AfterValidator(_utc)]
Duration = Annotated[StrictStr, StringConstraints(pattern=DURATION_PATTERN), AfterValidator(_not_too_long)]
Phase = StrictInt | Annotated[StrictStr, StringConstraints(min_length=1, max_length=256)]
Phases = Annotated[list[Phase], Field(min_length=1, max_length=MAX_PHASES)]


class Spec(BaseModel):
    """Base of all specs: frozen, no unknown fields, no NaN.

    shown_if_set: fields that came later; they are left out of the stored spec while they have their default, so that
    the specs, fingerprints and checkpoints of earlier versions stay equal.
    """

    shown_if_set: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SubmittedSpec(Spec):
    """What the specs of all submitted jobs have in common."""

    result_field: ClassVar[str]  # the field of `result` that holds the id of the job's result

    priority: Annotated[StrictInt, Field(ge=1, le=10)] = 5
    max_runtime_seconds: Annotated[StrictInt, Field(ge=1)] | None = None

    def model_ids_by_pointer(self) -> Mapping[str, int]:
        """The stored models that the spec names, by the JSON pointer of the field: {"/model_ids/0": 7, ...}."""
        return {}


def ordered(end: datetime | None, start: datetime | None, name: str) -> datetime | None:
    """The end of a time window, unless it is not later than `start`, whose field is called `name`: ValueError."""
    if end is not None and start is not None and end <= start:
        raise ValueError(f"must be later than {name}")
    return end
