"""Query parameters and request headers: each class documents them in OpenAPI and parses them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema

from ml_training.api.openapi_routes import QueryParameters
from ml_training.domain.algorithms import ModelType
from ml_training.domain.model_changes import Alias
from ml_training.domain.spec_fields import Name
from ml_training.domain.specs import JobType
from ml_training.domain.states import DatasetStatus, JobStatus

LONGEST_WAIT_SECONDS = 60
LARGEST = 999_999_999  # nine digits


def _digits(value: object) -> object:
    # pydantic would also read " 5", "+5", "1_0" and digits of other scripts.
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9):
        raise ValueError("must be a whole number")
    return int(value)


def _true_or_false(value: object) -> object:
    # pydantic would also read "on", "Y" and "1"; the default is a bool already.
    if value not in ("true", "false", True, False):
        raise ValueError("must be true or false")
    return value in ("true", True)


def _known_label(value: str) -> str:
    if value not in MODEL_LABELS:
        raise ValueError(f"must be one of {', '.join(MODEL_LABELS)}")
    return value


def _without_control_characters(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must have no control characters")
    return value


# The range comes first: behind a validator pydantic would check it, but leave it out of the document.
Count = Annotated[int, Field(ge=0, le=LARGEST), BeforeValidator(_digits)]
Positive = Annotated[int, Field(ge=1, le=LARGEST), BeforeValidator(_digits)]
Wait = Annotated[int, Field(ge=0, le=LONGEST_WAIT_SECONDS), BeforeValidator(_digits)]
Rows = Annotated[int, Field(ge=1, le=200), BeforeValidator(_digits)]
MODEL_LABELS = [*(kind.value for kind in ModelType), "mixed", "none"]
ModelLabel = Annotated[str, AfterValidator(_known_label), WithJsonSchema({"type": "string", "enum": MODEL_LABELS})]

Beginning = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_without_control_characters),
]
SEARCH = "the beginning of {}, in any case; the answer is in the order of the names, of one name the newest first"


class PageParameters(QueryParameters):
    """Where to continue in a list, and how many items to read."""

    limit: Positive | None = Field(None, description="how many items, at most the page limit")
    cursor: str | None = Field(None, description="next_cursor of the page before")


class SortedPageParameters(PageParameters):
    """A page of a list that can be read from both ends."""

    sort: Literal["newest", "oldest"] = Field(
        "newest", description="what comes first; a cursor continues the same order"
    )


class JobListParameters(SortedPageParameters):
    """Filters of the job list."""

    q: Beginning | None = Field(None, description=SEARCH.format("the model_name of the spec"))
    name: Name | None = Field(None, description="the model_name of the spec")
    parent_id: Positive | None = Field(None, description="the jobs of this TUNE job, which no other list shows")
    dataset_id: Positive | None = None
    status: JobStatus | None = None
    job_type: JobType | None = None
    model_type: ModelLabel | None = None


class SubmitParameters(QueryParameters):
    """How to treat a job spec."""

    dry_run: Annotated[bool, BeforeValidator(_true_or_false)] = Field(False, description="only check it, store nothing")


class ModelListParameters(SortedPageParameters):
    """Filters of the model list."""

    q: Beginning | None = Field(None, description=SEARCH.format("the name"))
    name: Name | None = None
    alias: Alias | None = None
    tag: Name | None = None
    model_type: ModelType | None = None
    dataset_id: Positive | None = Field(None, description="the data set that it was trained on")


class DatasetListParameters(SortedPageParameters):
    """Filters of the list of data sets."""

    q: Beginning | None = Field(None, description=SEARCH.format("the name"))
    name: Name | None = None
    status: DatasetStatus | None = None


class StudyListParameters(PageParameters):
    """Filters of the list of studies."""

    q: Beginning | None = Field(None, description=SEARCH.format("the name of its model"))


class EventsParameters(QueryParameters):
    """Where to continue in a journal."""

    after: Count = Field(0, description="only rows behind this id; the header Last-Event-ID goes before it")


class WaitParameters(QueryParameters):
    """How long to wait until the job or data set is finished."""

    wait: Wait = Field(0, description="answer when it has ended, or after this many seconds")


class DownloadParameters(QueryParameters):
    """How a file is given."""

    redirect: Annotated[bool, BeforeValidator(_true_or_false)] = Field(
        True, description="false: never answer 307 with an address of the bucket, but send the bytes"
    )


class PreviewParameters(QueryParameters):
    """How many rows to show."""

    limit: Rows = Field(20, description="how many rows")


class LastEventIdHeader(BaseModel):
    """The header that resumes a stream after a broken connection."""

    last_event_id: Count | None = Field(None, alias="Last-Event-ID", description="the id of the last event received")


class IdempotencyKeyHeader(BaseModel):
    """The header that makes a request safe to repeat."""

    key: Annotated[str, Field(min_length=1, max_length=128, pattern="^[ -~]+$")] | None = Field(
        None, alias="Idempotency-Key", description="the same key and request give the jobs of the first request"
    )
