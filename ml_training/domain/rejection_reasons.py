"""Why work was refused at the door: the closed list behind `ml_jobs_rejected_total`."""

from enum import StrEnum


class RejectionReason(StrEnum):
    """A reason; one for each status code with which a submission can be refused."""

    BAD_REQUEST = "bad_request"
    FORBIDDEN = "forbidden"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    WRONG_KIND = "wrong_kind"
    INVALID = "invalid"
    TOO_MANY = "too_many"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


_BY_STATUS = {
    400: RejectionReason.BAD_REQUEST,
    403: RejectionReason.FORBIDDEN,
    409: RejectionReason.CONFLICT,
    413: RejectionReason.TOO_LARGE,
    415: RejectionReason.WRONG_KIND,
    422: RejectionReason.INVALID,
    429: RejectionReason.TOO_MANY,
    500: RejectionReason.INTERNAL,
    503: RejectionReason.UNAVAILABLE,
}


def rejection_reason(status: int) -> RejectionReason | None:
    """The reason that an HTTP status code of a submission means; None when nothing was refused."""
    return _BY_STATUS.get(status)
