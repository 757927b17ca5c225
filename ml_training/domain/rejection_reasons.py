"""Why a submission was refused: the values of the `reason` label of `ml_jobs_rejected_total`."""

from enum import StrEnum


class RejectionReason(StrEnum):
    """One reason for each HTTP status code that refuses a submission."""

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
    """The reason for an HTTP status code; None when the submission was not refused."""
    return _BY_STATUS.get(status)
