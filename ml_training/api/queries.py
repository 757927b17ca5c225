"""The query parameters and headers that routes take, as they are documented and parsed."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema

from ml_training.api.documented import Query
from ml_training.domain.algorithms import ModelType
from ml_training.domain.model_changes import Alias
from ml_training.domain.spec_fields import Name
from ml_training.domain.specs import JobType
from ml_training.domain.states import JobStatus

LONGEST_WAIT_SECONDS = 60


def _digits(value: object) -> object:
    # pydantic would also read " 5", "+5", "1_0" and digits of other scripts.
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9):
        raise ValueError("must be a whole number")
    return int(value)


def _known_label(value: str) -> str:
    if value not in MODEL_LABELS:
        raise ValueError(f"must be one of {', '.join(MODEL_LABELS)}")
    return value


Count = Annotated[int, BeforeValidator(_digits)]
MODEL_LABELS = [*(kind.value for kind in ModelType), "mixed", "none"]
ModelLabel = Annotated[str, AfterValidator(_known_label), WithJsonSchema({"type": "string", "enum": MODEL_LABELS})]


class PageQuery(Query):
    """Where in a list to read on, and how much."""

    limit: Annotated[Count, Field(ge=1)] | None = Field(None, description="how many items, at most the page limit")
    cursor: str | None = Field(None, description="next_cursor of the page before")


class JobsQuery(PageQuery):
    """Filters of the job list."""

    status: JobStatus | None = None
    job_type: JobType | None = None
    model_type: ModelLabel | None = None


class ModelsQuery(PageQuery):
    """Filters of the model list."""

    name: Name | None = None
    alias: Alias | None = None
    model_type: ModelType | None = None


class EventsQuery(Query):
    """Where in a journal to read on."""

    after: Count = Field(0, description="only rows behind this id; the header Last-Event-ID goes before it")


class WaitQuery(Query):
    """How long to wait for the end."""

    wait: Annotated[Count, Field(ge=0, le=LONGEST_WAIT_SECONDS)] = Field(
        0, description="answer when it has ended, or after this many seconds"
    )


class PreviewQuery(Query):
    """How many rows to show."""

    limit: Annotated[Count, Field(ge=1, le=200)] = Field(20, description="how many rows")


class LastEventHeader(BaseModel):
    """The header by which a stream goes on where it broke off."""

    last_event_id: Count | None = Field(None, alias="Last-Event-ID", description="the id of the last event received")


class IdempotencyHeader(BaseModel):
    """The header by which a request can be repeated safely."""

    key: Annotated[str, Field(min_length=1, max_length=128, pattern="^[ -~]+$")] | None = Field(
        None, alias="Idempotency-Key", description="the same key and request give the jobs of the first request"
    )
