"""Why work was refused at the door: the closed list behind `ml_jobs_rejected_total`."""

from enum import StrEnum


class Rejection(StrEnum):
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
    400: Rejection.BAD_REQUEST,
    403: Rejection.FORBIDDEN,
    409: Rejection.CONFLICT,
    413: Rejection.TOO_LARGE,
    415: Rejection.WRONG_KIND,
    422: Rejection.INVALID,
    429: Rejection.TOO_MANY,
    500: Rejection.INTERNAL,
    503: Rejection.UNAVAILABLE,
}


def rejection_of(status: int) -> Rejection | None:
    """The reason that an HTTP status code of a submission means; None when nothing was refused."""
    return _BY_STATUS.get(status)
