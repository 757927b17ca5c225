"""The errors of the service.

ServiceError
├── Invalid          the request is wrong: 4xx with every reason
├── WrongHost        asked under a foreign name: 421
├── Unauthenticated  no valid key: 401
├── Forbidden        the key's role does not allow it: 403
├── NotFound         no such thing: 404
├── Conflict         not in this state: 409
├── TooMany          a limit of the whole service is reached: 429
└── Unavailable      database or storage away: 503
    └── SourceUnavailable  what a data set comes from does not answer: the job waits and runs again
JobFailed            the job itself cannot succeed: FAILED, never retried
└── ObjectMissing    stored bytes are not there: FAILED only if another worker misses them too
AttemptLost          what the attempt ran on was lost: the job is tried again, and the attempt is charged
Interrupted          the attempt was asked to stop (cancel, drain, time limit, fence lost)
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with a request: a JSON pointer into the body and what to do about it."""

    pointer: str
    detail: str


class ServiceError(Exception):
    """The request could not be served."""

    status = 500
    title = "Internal error"

    def __init__(self, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class Invalid(ServiceError):
    """The body is well-formed but wrong; `errors` holds every reason at once."""

    status = 422
    title = "Invalid request"

    def __init__(self, detail: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.errors = errors


class BadRequest(ServiceError):
    """The body cannot be read as what its headers say."""

    status = 400
    title = "Bad request"


class WrongHost(ServiceError):
    """The service was asked under a name that is not its own."""

    status = 421
    title = "Misdirected request"


class TooLarge(ServiceError):
    """The body is over a limit."""

    status = 413
    title = "Too large"


class WrongKind(ServiceError):
    """The content type is not one that this route reads."""

    status = 415
    title = "Unsupported media type"


class Unauthenticated(ServiceError):
    """The request shows no valid key."""

    status = 401
    title = "Unauthorized"


class Forbidden(ServiceError):
    """The role of the key does not allow this."""

    status = 403
    title = "Forbidden"


class NotFound(ServiceError):
    """There is no such thing, or it has been deleted."""

    status = 404
    title = "Not found"


class Conflict(ServiceError):
    """The thing exists but its state does not allow this."""

    status = 409
    title = "Conflict"


class TooMany(ServiceError):
    """A limit of the whole service is reached; `retry_after`: try again after this many seconds."""

    status = 429
    title = "Too many requests"


class Unavailable(ServiceError):
    """A component that the request needs is away; nothing was changed, as far as the service can know."""

    status = 503
    title = "Service unavailable"


class SourceUnavailable(Unavailable):
    """The database or bucket that a data set comes from did not answer; the message names neither host nor account."""


class ErrorCode(StrEnum):
    """`error.code` of a FAILED job (documented in docs/api.md)."""

    DATASET_REJECTED = "dataset_rejected"
    DATASET_CHANGED = "dataset_changed"
    INTEGRITY = "integrity"
    BAD_SPEC = "bad_spec"
    TIMEOUT = "timeout"
    POISON = "poison"
    OUT_OF_MEMORY = "out_of_memory"
    TRAINING_ERROR = "training_error"
    NO_TRIAL_COMPLETED = "no_trial_completed"


class JobFailed(Exception):
    """The job cannot succeed, even if it is tried again."""

    def __init__(self, code: ErrorCode, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class ObjectMissing(JobFailed):
    """The storage that this worker sees does not hold bytes of the job; another worker may find them."""


class AttemptLost(Exception):
    """Another process that the attempt needed was lost or hangs, perhaps because of the job itself."""


class StopReason(StrEnum):
    """Why an attempt was asked to stop."""

    CANCEL = "cancel"  # a user asked for it: the job becomes CANCELLED
    DRAIN = "drain"  # the worker shuts down: the job goes back to PENDING, uncharged
    TIMEOUT = "timeout"  # max_runtime_seconds is used up: the job becomes FAILED
    MEMORY = "memory"  # the process is over its limit: the job becomes FAILED
    FENCED = "fenced"  # another attempt owns the job: this one may write nothing more


class Interrupted(Exception):
    """The engine left early because `reporter.should_stop()` said so."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason.value)
        self.reason = reason
